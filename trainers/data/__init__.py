"""Rows that both stages train on: made from `trainers.scenes`, prepared from real data sets, judged, written.

============================  ==============================================================================
module                        its story
============================  ==============================================================================
`generate`                    ``star data generate``: a folder of scenes, by several processes, resumed
`prepare`, `sampling`         ``star data prepare``: MindCube, SPAR-Bench and SPAR-7M as balanced, labelled rows
`leakage`                     what a test set holds, exactly or nearly
`card`                        what a set says of itself; what R_ref rewards without a look
`mix`                         ``star data mix``: one set out of several prepared ones
`oracle`, `teacher`           ``star data cot``: completions from the ground truth, or by a model
`chat_client`                 a model behind a server: requests, tries and replies (`chat_messages`,
                              `chat_transport`)
`filter`                      ``star data filter``: which chains and prompts are worth training on
`check`                       ``star data check``
`export`                      ``star data export``: rows as TRL, verl, OpenRLHF, ms-swift and EasyR1 read them
`training_rows`               the columns of a row, and what a completion of it is worth
`files`                       lines of JSON, and images under the names of their contents
============================  ==============================================================================
"""

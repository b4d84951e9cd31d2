"""The story of a run in the forms of others: for their viewers, profilers and collectors.

    rlms.py      the log that the official `rlms` package writes and its viewer reads
    chrome.py    a trace for Perfetto and chrome://tracing
    otel.py      OpenTelemetry spans, with the attributes of OpenInference and of the GenAI conventions

Each takes a `rlm_graph.story.Story`.
"""

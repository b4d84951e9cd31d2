"""The graph behind LangGraph's Agent Server, for Studio, the SDK, MCP and A2A: `rlm-graph serve`, `langgraph dev`.

served.py       the graph that the server runs, made when it starts
graph.py        how it is made, from the operator's environment
settings.py     what a caller may choose: models, settings, and up to where
app.py          the routes beside the server's own: uploads, reports
callers.py      who may use them
uploads.py      a request's body on its way into the context store
reports.py      the report of a thread, for those who may see the thread
persistence.py  what the in-memory server would forget to write
checkpoints.py  the server's checkpoints, for the thread that reads a report
"""

"""The graph behind LangGraph's Agent Server, for Studio, the SDK, MCP and A2A: `rlm-graph serve`, `langgraph dev`.

served.py       the graph that the server runs, made when it starts
graph.py        how it is made, from the operator's environment
settings.py     what a caller may choose: models, settings, and up to where
app.py          the routes beside the server's own: uploads, reports
uploads.py      a request's body on its way into the context store
"""

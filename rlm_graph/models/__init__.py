"""Models as a run uses them: each request metered, made again where it may pass, over LangChain or the bare wire."""

"""The smoke test: the article's chapter on testing, as steps over the two clients. Read `steps.py` first."""

"""One file per flow, named as the hosted connector's article names them, and the two loops they all share."""

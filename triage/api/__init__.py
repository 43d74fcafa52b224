"""REST API, version 1: one module for each resource, with the shapes of its requests and answers beside its views."""

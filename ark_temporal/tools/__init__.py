"""What an agent can call: webhooks, MCP servers, Python functions."""

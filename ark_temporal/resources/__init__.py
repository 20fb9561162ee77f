"""Applied manifests: kept on Temporal, revision by revision, one workflow for each resource."""

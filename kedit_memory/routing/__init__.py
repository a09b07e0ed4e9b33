"""READ: question → link → recall → verify → route → answer → provenance."""

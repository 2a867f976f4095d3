"""Everything that runs the administrators' JavaScript."""

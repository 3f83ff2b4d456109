"""What every package needs, a module for each: files, parameters, progress, tracing, waiting."""

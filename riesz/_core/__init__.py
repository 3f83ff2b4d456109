"""What every package needs: blocks, files, parameters, progress, text, tracing, waiting."""

"""What every Mmoment node shares: parameters, lifecycle, diagnostics, recovery, rates."""

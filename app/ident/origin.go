package ident

import (
	"log/slog"
	"net/netip"
)

// Origin is where somebody registers or applies from, as far as is known. It
// is kept as keyed hashes only.
type Origin struct {
	DeviceID string
	IP       string
}

// LogValue keeps both out of logs.
func (Origin) LogValue() slog.Value { return slog.StringValue("[redacted]") }

// Network gives what an address says of who is behind it: the address itself,
// of IPv6 its /64; nothing for one that is not public, which names nobody.
func (o Origin) Network() string {
	address, err := netip.ParseAddr(o.IP)
	if err != nil {
		return ""
	}
	address = address.Unmap().WithZone("")
	if !address.IsGlobalUnicast() || address.IsPrivate() {
		return ""
	}
	if address.Is6() {
		if network, err := address.Prefix(64); err == nil {
			return network.String()
		}
	}
	return address.String()
}

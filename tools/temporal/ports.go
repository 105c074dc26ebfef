package main

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
)

// ports are what one instance listens on. Only the frontend and the UI are meant for others.
type ports struct {
	frontend int
	ui       int // 0 means no UI
	history  int
	matching int
	worker   int
}

// Internal ports are picked below the range the kernel gives to outgoing connections, so that none is lost between
// the choice and the server's own listen.
const (
	firstInternalPort = 20000
	lastInternalPort  = 32000
	portsPerInstance  = 4
)

// pickPorts checks the ports asked for and finds free ones for the rest.
func pickPorts(ctx context.Context, opts options) (ports, error) {
	chosen := ports{frontend: opts.Port, ui: opts.UIPort}
	for _, wanted := range []struct {
		flag string
		port int
	}{{"--port", opts.Port}, {"--ui-port", opts.UIPort}} {
		if wanted.port == 0 {
			continue
		}
		if err := tryListen(ctx, opts.IP, wanted.port); err != nil {
			return ports{}, usagef("cannot listen on %s, choose another with %s: %v", hostPort(opts.IP, wanted.port), wanted.flag, err)
		}
	}

	free := []*int{&chosen.history, &chosen.matching, &chosen.worker}
	if chosen.frontend == 0 {
		free = append(free, &chosen.frontend)
	}
	// Starting from the process id keeps instances that start at the same moment apart.
	span := lastInternalPort - firstInternalPort
	offset := os.Getpid() * portsPerInstance % span
	for tried := 0; len(free) > 0 && tried < span; tried++ {
		port := firstInternalPort + (offset+tried)%span
		if port == opts.Port || port == opts.UIPort || tryListen(ctx, internalIP, port) != nil {
			continue
		}
		*free[0] = port
		free = free[1:]
	}
	if len(free) > 0 {
		return ports{}, fmt.Errorf("no free port between %d and %d", firstInternalPort, lastInternalPort)
	}
	return chosen, nil
}

// internalIP is where history, matching and worker listen, whatever --ip says: they talk among themselves only.
var internalIP = netip.AddrFrom4([4]byte{127, 0, 0, 1})

func tryListen(ctx context.Context, ip netip.Addr, port int) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", hostPort(ip, port))
	if err != nil {
		return err
	}
	return listener.Close()
}

func hostPort(ip netip.Addr, port int) string {
	return net.JoinHostPort(ip.String(), strconv.Itoa(port))
}

// dialable is the address a client on this machine uses to reach what listens on ip.
func dialable(ip netip.Addr) netip.Addr {
	switch {
	case !ip.IsUnspecified():
		return ip
	case ip.Is4():
		return internalIP
	default:
		return netip.IPv6Loopback()
	}
}

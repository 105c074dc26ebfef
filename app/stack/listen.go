package stack

import (
	"errors"
	"fmt"
	"syscall"

	"loan310/app/fault"
)

// Codes of addresses that cannot be listened on.
const (
	CodePort       fault.Code = "port_taken"            // another program has it
	CodePortDenied fault.Code = "port_not_permitted"    // the system does not let us
	CodeNoAddress  fault.Code = "address_not_available" // it is not one of this machine's
)

// ListenError says why an address cannot be listened on and what to do; flag
// names what chooses the address. Other causes than a taken port, a missing
// permission and a foreign address are wrapped as they are.
func ListenError(address, flag string, err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fault.New(fault.Unavailable, CodePort, "%s is taken by another program: stop it, or choose another with %s", address, flag).Wrap(err)
	case errors.Is(err, syscall.EACCES):
		return fault.New(fault.Invalid, CodePortDenied,
			"%s needs a permission this program does not have (ports below 1024 usually do): choose another with %s", address, flag).Wrap(err)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fault.New(fault.Invalid, CodeNoAddress, "%s is no address of this machine: choose one that is with %s", address, flag).Wrap(err)
	default:
		return fmt.Errorf("listen on %s (%s): %w", address, flag, err)
	}
}

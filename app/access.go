package main

import (
	"fmt"
	"text/tabwriter"
	"time"

	"loan310/app/audit"
	"loan310/app/security"
	"loan310/app/stack"
)

// access runs fn on the logins and keys of a database.
func access(e *env, connection connectionFlags, fn func(service *security.Service, actor audit.Actor) error) error {
	db, err := connection.open(e)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	return fn(stack.SecurityOf(db), audit.System("command line"))
}

type staffCommands struct {
	Add     staffAddCommand     `cmd:"" help:"Make or replace a staff login."`
	Disable staffDisableCommand `cmd:"" help:"End a person's access at once, open sessions included."`
	List    staffListCommand    `cmd:"" help:"List all staff."`
}

type staffAddCommand struct {
	Connection connectionFlags `embed:""`
	Login      string          `help:"Login, such as an e-mail address." required:""`
	Name       string          `help:"Name shown to colleagues." required:""`
	Role       string          `help:"What the person does." enum:"operator,analyst,collections,campaign,admin" required:""`
	Password   string          `help:"At least 12 characters." required:"" env:"LOAN310_STAFF_PASSWORD"`
}

// Run stores the login.
func (c *staffAddCommand) Run(e *env) error {
	return access(e, c.Connection, func(service *security.Service, actor audit.Actor) error {
		if _, err := service.AddStaff(e.ctx, c.Login, c.Name, c.Password, security.Role(c.Role), false, actor); err != nil {
			return err
		}
		fmt.Fprintf(e.stdout, "%s can sign in as %s\n", c.Login, c.Role)
		return nil
	})
}

type staffDisableCommand struct {
	Connection connectionFlags `embed:""`
	Login      string          `help:"Who it is." required:""`
}

// Run disables the login.
func (c *staffDisableCommand) Run(e *env) error {
	return access(e, c.Connection, func(service *security.Service, actor audit.Actor) error {
		if err := service.DisableStaff(e.ctx, c.Login, actor); err != nil {
			return err
		}
		fmt.Fprintf(e.stdout, "%s is signed out and cannot sign in any more\n", c.Login)
		return nil
	})
}

type staffListCommand struct {
	Connection connectionFlags `embed:""`
}

// Run prints a line per person.
func (c *staffListCommand) Run(e *env) error {
	return access(e, c.Connection, func(service *security.Service, _ audit.Actor) error {
		people, err := service.StaffList(e.ctx)
		if err != nil {
			return err
		}
		table := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(table, "LOGIN\tROLE\tSTATE\tNAME")
		for _, person := range people {
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", person.Login, person.Role, state("active", "disabled", person.DisabledAt), person.Name)
		}
		return table.Flush()
	})
}

type platformCommands struct {
	Add    platformAddCommand    `cmd:"" help:"Make an API key for a platform and print it, once."`
	Revoke platformRevokeCommand `cmd:"" help:"End an API key at once."`
	List   platformListCommand   `cmd:"" help:"List all API keys, without the keys themselves."`
}

type platformAddCommand struct {
	Connection connectionFlags `embed:""`
	Platform   string          `help:"Who it is for: 1 to 64 letters, digits, dots, hyphens and underscores." required:"" placeholder:"ID"`
}

// Run makes the key. Several keys of one platform work side by side.
func (c *platformAddCommand) Run(e *env) error {
	return access(e, c.Connection, func(service *security.Service, actor audit.Actor) error {
		plain, err := service.AddAPIKey(e.ctx, c.Platform, "", actor)
		if err != nil {
			return err
		}
		key, err := service.Platform(e.ctx, plain)
		if err != nil {
			return err
		}
		fmt.Fprintf(e.stderr, "API key %s of platform %s. It is shown this once and kept as a hash only:\n", key.ID, key.PlatformID)
		fmt.Fprintln(e.stdout, plain)
		return nil
	})
}

type platformRevokeCommand struct {
	Connection connectionFlags `embed:""`
	KeyID      string          `name:"key-id" help:"The key's id, see 'platform list'." required:"" placeholder:"ID"`
}

// Run revokes the key.
func (c *platformRevokeCommand) Run(e *env) error {
	return access(e, c.Connection, func(service *security.Service, actor audit.Actor) error {
		if err := service.RevokeAPIKey(e.ctx, c.KeyID, actor); err != nil {
			return err
		}
		fmt.Fprintf(e.stdout, "API key %s opens nothing any more\n", c.KeyID)
		return nil
	})
}

type platformListCommand struct {
	Connection connectionFlags `embed:""`
}

// Run prints a line per key.
func (c *platformListCommand) Run(e *env) error {
	return access(e, c.Connection, func(service *security.Service, _ audit.Actor) error {
		keys, err := service.APIKeys(e.ctx)
		if err != nil {
			return err
		}
		table := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(table, "KEY ID\tPLATFORM\tMADE\tSTATE")
		for _, key := range keys {
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", key.ID, key.PlatformID, key.CreatedAt.UTC().Format(time.DateTime), state("active", "revoked", key.RevokedAt))
		}
		return table.Flush()
	})
}

// state says whether access has ended, and when (UTC).
func state(active, ended string, at time.Time) string {
	if at.IsZero() {
		return active
	}
	return ended + " " + at.UTC().Format(time.DateTime)
}

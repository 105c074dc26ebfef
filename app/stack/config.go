// Package stack is the composition root: it turns a configuration into
// adapters, use cases, web and worker, starts and stops them together. It is
// the only package that knows everything; the command and the end-to-end
// tests start the same type.
package stack

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"loan310/adapters/store"
	"loan310/app/fault"
	"loan310/app/portfolio"
	"loan310/app/servicing/loan"
)

// CodeUnsafe marks a configuration that production refuses.
const CodeUnsafe fault.Code = "unsafe_configuration"

// Config is what a stack is made of.
type Config struct {
	// Database is sqlite:///path/file.db or a PostgreSQL DSN; required.
	Database string
	// Listen is the web server's address; port 0 picks a free one.
	Listen string
	// Health is a worker's own address for /livez, /readyz and /metrics.
	// Empty means none; a process with web serves them there.
	Health string
	// Temporal is the frontend's host:port; Namespace its namespace.
	Temporal, Namespace string
	// TemporalAccess is how the frontend is spoken to.
	TemporalAccess TemporalAccess
	// Keys and Providers are required.
	Keys      Keys
	Providers Providers
	// Products are what loans are made of; the zero value = the standard ones.
	// All processes on a database must be given the same.
	Products Products
	// Production refuses demo keys, demo logins and the sandbox.
	Production bool
	// Web and Worker choose what this process runs.
	Web, Worker bool
	// SourceBudget bounds one source of evidence. Zero means the default.
	SourceBudget time.Duration
	// PayoutGrace is how long a rail's "no record" is not believed after a
	// pay call. Zero means the default.
	PayoutGrace time.Duration
	// Reached is told each durable step of a drawdown and of a debit; kill
	// tests die there.
	Reached func(step, id string)
	// CollectEvery is how often is looked for what is due. Zero means 1 min.
	CollectEvery time.Duration
	// Provisions are the rates of a month's end. Nil means the standard ones.
	Provisions portfolio.ProvisionRates
	// SweepEvery is how often lost workflows are looked for. Zero means 5 s.
	SweepEvery time.Duration
	// TrustedProxies are the addresses (CIDR) whose X-Forwarded-For is believed.
	TrustedProxies []string
	Version        string
	Logger         *slog.Logger
}

// Keys are this installation's secrets.
type Keys struct {
	Store   json.RawMessage `json:"store"`   // keyset of data at rest
	Payload json.RawMessage `json:"payload"` // keyset of workflow payloads
	Pepper  string          `json:"pepper"`  // base64, keys the hashes of one-time codes
	Demo    bool            `json:"demo"`    // made by `loan310 dev`; refused in production
}

// pepper reads the pepper.
func (k Keys) pepper() ([]byte, error) {
	pepper, err := base64.StdEncoding.DecodeString(k.Pepper)
	if err != nil || len(pepper) < 32 {
		return nil, fault.New(fault.Invalid, CodeUnsafe, "the keys file holds no usable pepper")
	}
	return pepper, nil
}

// LogValue keeps the keys out of logs.
func (Keys) LogValue() slog.Value { return slog.StringValue("[redacted]") }

// GenerateKeys makes fresh keys.
func GenerateKeys(demo bool) (Keys, error) {
	data, err := store.GenerateKeys()
	if err != nil {
		return Keys{}, fmt.Errorf("generate data keys: %w", err)
	}
	payload, err := generatePayloadKeys()
	if err != nil {
		return Keys{}, err
	}
	pepper := make([]byte, 32)
	if _, err := rand.Read(pepper); err != nil {
		return Keys{}, fmt.Errorf("generate pepper: %w", err)
	}
	return Keys{Store: data, Payload: payload, Pepper: base64.StdEncoding.EncodeToString(pepper), Demo: demo}, nil
}

// WriteFile stores a JSON secret for its owner only and never overwrites.
func WriteFile(path string, value any) error {
	body, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return fmt.Errorf("encode %s: %w", path, err)
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fault.New(fault.Conflict, fault.CodeDuplicate, "%s exists; it is never overwritten, since data encrypted with it would be lost", path)
	}
	if err != nil {
		return fmt.Errorf("create %s: %w", path, err)
	}
	_, err = file.Write(append(body, '\n'))
	return errors.Join(err, file.Close())
}

// ReadFile reads a JSON secret.
func ReadFile(path string, into any) error {
	body, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("read %s: not the JSON that `loan310` writes: %w", path, err)
	}
	return nil
}

// Products are what loans are made of, as the command holds them.
type Products = loan.Catalogue

// ReadProducts reads a folder of product files, one product a file.
func ReadProducts(folder string) (Products, error) {
	products, err := loan.ReadCatalogue(os.DirFS(folder))
	if err != nil {
		return Products{}, fmt.Errorf("read products in %s: %w", folder, err)
	}
	if len(products.Products()) == 0 {
		return Products{}, fault.New(fault.Invalid, loan.CodeProduct, "no *.json in %s: one product a file", folder)
	}
	return products, nil
}

// DemoKeys reads the keys of a development folder and makes them at first.
func DemoKeys(dir string) (Keys, error) {
	path := filepath.Join(dir, "keys.json")
	var keys Keys
	err := ReadFile(path, &keys)
	if !errors.Is(err, fs.ErrNotExist) {
		return keys, err
	}
	if keys, err = GenerateKeys(true); err != nil {
		return Keys{}, err
	}
	return keys, WriteFile(path, keys)
}

// Check reports everything that is missing or, in production, unsafe.
func (c Config) Check() error {
	var wrong []string
	if c.Database == "" {
		wrong = append(wrong, "no database: give --database")
	}
	if len(c.Keys.Store) == 0 || len(c.Keys.Payload) == 0 || c.Keys.Pepper == "" {
		wrong = append(wrong, "no keys: make them with `loan310 keys generate --out FILE` and give --keys FILE")
	}
	wrong = append(wrong, c.Providers.wrong()...)
	wrong = append(wrong, c.TemporalAccess.wrong()...)
	if c.Production && c.Keys.Demo {
		wrong = append(wrong, "demo keys: make real ones with `loan310 keys generate --out FILE`")
	}
	if c.Production && c.Providers.Sandbox {
		wrong = append(wrong, "sandbox providers: give real ones in --providers FILE")
	}
	if c.Production && c.Reached != nil {
		wrong = append(wrong, "--crash-at is for kill tests")
	}
	if len(wrong) > 0 {
		return fault.New(fault.Invalid, CodeUnsafe, "will not start: %s", strings.Join(wrong, "; "))
	}
	return nil
}

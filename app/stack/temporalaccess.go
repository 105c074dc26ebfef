package stack

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"os"

	"go.temporal.io/sdk/client"

	"loan310/app/fault"
)

// TemporalAccess is how a Temporal frontend is spoken to. The zero value is
// plain text without credentials, for loopback and private networks.
type TemporalAccess struct {
	// TLS encrypts. Any of the other fields does so too.
	TLS bool
	// CA is a PEM file of authorities instead of the system's.
	CA string
	// Cert and Key are PEM files of our own certificate, together.
	Cert, Key string
	// APIKey is sent with every call.
	APIKey string
}

// LogValue keeps the API key out of logs.
func (TemporalAccess) LogValue() slog.Value { return slog.StringValue("[redacted]") }

func (a TemporalAccess) encrypted() bool { return a != TemporalAccess{} }

// wrong lists what cannot be.
func (a TemporalAccess) wrong() []string {
	if (a.Cert == "") != (a.Key == "") {
		return []string{"one of --temporal-cert and --temporal-key: a certificate needs its key"}
	}
	return nil
}

// TLSConfig reads the files. Without encryption it is nil.
func (a TemporalAccess) TLSConfig() (*tls.Config, error) {
	if !a.encrypted() {
		return nil, nil //nolint:nilnil // no TLS is how the client is told of none
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if a.CA != "" {
		text, err := os.ReadFile(a.CA)
		if err != nil {
			return nil, fmt.Errorf("read Temporal's authorities: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(text) {
			return nil, fault.New(fault.Invalid, CodeUnsafe, "%s holds no certificate in PEM form", a.CA)
		}
	}
	if a.Cert != "" {
		pair, err := tls.LoadX509KeyPair(a.Cert, a.Key)
		if err != nil {
			return nil, fmt.Errorf("read our certificate for Temporal: %w", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

// apply sets a client's options.
func (a TemporalAccess) apply(options *client.Options) error {
	config, err := a.TLSConfig()
	if err != nil {
		return err
	}
	options.ConnectionOptions.TLS = config
	if a.APIKey != "" {
		options.Credentials = client.NewAPIKeyStaticCredentials(a.APIKey)
	}
	return nil
}

package stack_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"loan310/app/clock"
	"loan310/app/stack"
)

// certificate writes a self-signed certificate for 127.0.0.1 and its key.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "temporal"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: clock.System().Add(-time.Hour), NotAfter: clock.System().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	body, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	require.NoError(t, err)
	sealed, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	require.NoError(t, os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: body}), 0o600))
	require.NoError(t, os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: sealed}), 0o600))
	return cert, key
}

func TestTemporalAccess(t *testing.T) {
	t.Parallel()
	cert, key := certificate(t)

	t.Run("both sides show their certificates", func(t *testing.T) {
		t.Parallel()
		server, err := stack.TemporalAccess{CA: cert, Cert: cert, Key: key}.TLSConfig()
		require.NoError(t, err)
		server.ClientCAs, server.ClientAuth = server.RootCAs, tls.RequireAndVerifyClientCert
		listener, err := tls.Listen("tcp", "127.0.0.1:0", server)
		require.NoError(t, err)
		defer func() { require.NoError(t, listener.Close()) }()
		go func() {
			for {
				connection, err := listener.Accept()
				if err != nil {
					return
				}
				_, _ = connection.Write([]byte("hello"))
				_ = connection.Close()
			}
		}()
		hear := func(access stack.TemporalAccess) (string, error) {
			config, err := access.TLSConfig()
			require.NoError(t, err)
			connection, err := (&tls.Dialer{Config: config}).DialContext(t.Context(), "tcp", listener.Addr().String())
			if err != nil {
				return "", err
			}
			defer func() { _ = connection.Close() }()
			said, err := io.ReadAll(connection)
			return string(said), err
		}
		said, err := hear(stack.TemporalAccess{CA: cert, Cert: cert, Key: key})
		require.NoError(t, err)
		require.Equal(t, "hello", said)
		_, err = hear(stack.TemporalAccess{CA: cert})
		require.Error(t, err, "a client without a certificate")
		_, err = hear(stack.TemporalAccess{TLS: true, Cert: cert, Key: key})
		require.ErrorContains(t, err, "unknown authority", "the system does not know this authority")
	})
	t.Run("what encrypts", func(t *testing.T) {
		t.Parallel()
		plain, err := stack.TemporalAccess{}.TLSConfig()
		require.NoError(t, err)
		require.Nil(t, plain)
		for _, access := range []stack.TemporalAccess{{TLS: true}, {APIKey: "k"}, {CA: cert}} {
			config, err := access.TLSConfig()
			require.NoError(t, err)
			require.NotNil(t, config)
		}
	})
	t.Run("files that cannot be used", func(t *testing.T) {
		t.Parallel()
		_, err := stack.TemporalAccess{CA: key}.TLSConfig()
		require.ErrorContains(t, err, "holds no certificate")
		_, err = stack.TemporalAccess{CA: "none.pem"}.TLSConfig()
		require.ErrorIs(t, err, os.ErrNotExist)
		_, err = stack.TemporalAccess{Cert: key, Key: cert}.TLSConfig()
		require.ErrorContains(t, err, "read our certificate")
	})
}

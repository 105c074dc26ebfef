package sandbox

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
)

// Secrets are the credentials that adapters and providers share. They print
// redacted.
type Secrets struct {
	// AppID is our account at the payout rail.
	AppID string `json:"app_id"`
	// AppPrivateKey signs our requests to the rail (PKCS #8 PEM);
	// AppPublicKey verifies them (PKIX PEM).
	AppPrivateKey string `json:"app_private_key"`
	AppPublicKey  string `json:"app_public_key"`
	// RailPrivateKey signs the rail's answers; RailPublicKey verifies them.
	RailPrivateKey string `json:"rail_private_key"`
	RailPublicKey  string `json:"rail_public_key"`
	// Tokens are bearer tokens by provider kind.
	Tokens map[string]string `json:"tokens"`
	// KeyIDs and Keys are signing keys by provider kind (HMAC, or whatever
	// the kind's scheme signs with). A key id is public.
	KeyIDs map[string]string `json:"key_ids"`
	Keys   map[string]string `json:"keys"`
}

// LogValue keeps the secrets out of logs.
func (Secrets) LogValue() slog.Value { return slog.StringValue("[redacted]") }

// String keeps the secrets out of messages.
func (Secrets) String() string { return "[redacted]" }

// GoString keeps the secrets out of %#v.
func (Secrets) GoString() string { return "[redacted]" }

// GenerateSecrets makes fresh credentials for every kind; RSA keys have 2048
// bits.
func GenerateSecrets() (Secrets, error) {
	var err error
	made := Secrets{
		AppID:  "2021310310310310",
		Tokens: map[string]string{}, KeyIDs: map[string]string{}, Keys: map[string]string{},
	}
	if made.AppPrivateKey, made.AppPublicKey, err = keyPair(); err != nil {
		return Secrets{}, err
	}
	if made.RailPrivateKey, made.RailPublicKey, err = keyPair(); err != nil {
		return Secrets{}, err
	}
	for _, kind := range Kinds() {
		made.Tokens[kind] = randomHex(24)
		made.KeyIDs[kind] = "loan310-" + kind
		made.Keys[kind] = randomHex(32)
	}
	return made, nil
}

// LoadSecrets reads the credentials kept in dir, or generates and keeps them
// when there are none yet.
func LoadSecrets(dir string) (Secrets, error) {
	path := filepath.Join(dir, "secrets.json")
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return keepSecrets(dir, path)
	}
	if err != nil {
		return Secrets{}, fmt.Errorf("reading sandbox secrets: %w", err)
	}
	var kept Secrets
	if err := json.Unmarshal(text, &kept); err != nil {
		return Secrets{}, fmt.Errorf("reading sandbox secrets: %w", err)
	}
	return kept, nil
}

func keepSecrets(dir, path string) (Secrets, error) {
	made, err := GenerateSecrets()
	if err != nil {
		return Secrets{}, err
	}
	if err := ensureDir(dir); err != nil {
		return Secrets{}, err
	}
	text, err := json.MarshalIndent(made, "", "  ")
	if err != nil {
		return Secrets{}, fmt.Errorf("writing sandbox secrets: %w", err)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return Secrets{}, fmt.Errorf("writing sandbox secrets: %w", err)
	}
	return made, nil
}

func keyPair() (private, public string, err error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return "", "", fmt.Errorf("making an rsa key: %w", err)
	}
	privateDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return "", "", fmt.Errorf("encoding an rsa key: %w", err)
	}
	publicDER, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return "", "", fmt.Errorf("encoding an rsa key: %w", err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: privateDER})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: publicDER})), nil
}

func randomHex(bytes int) string {
	raw := make([]byte, bytes)
	_, _ = rand.Read(raw) // never fails
	return hex.EncodeToString(raw)
}

package payout

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// ParsePrivateKey reads an RSA key of at least 2048 bits from PKCS #8 or
// PKCS #1, in PEM or as the bare base64 that the gateway's console shows.
func ParsePrivateKey(text string) (*rsa.PrivateKey, error) {
	der, err := derOf(text)
	if err != nil {
		return nil, err
	}
	key, err := x509.ParsePKCS1PrivateKey(der)
	if err != nil {
		parsed, err := x509.ParsePKCS8PrivateKey(der)
		if err != nil {
			return nil, errors.New("payout: private key is neither pkcs #1 nor pkcs #8")
		}
		other, ok := parsed.(*rsa.PrivateKey)
		if !ok {
			return nil, errors.New("payout: private key is not an rsa key")
		}
		key = other
	}
	if key.N.BitLen() < 2048 {
		return nil, errors.New("payout: private key has less than 2048 bits")
	}
	return key, nil
}

// ParsePublicKey reads an RSA key of at least 2048 bits from PKIX, in PEM or
// as bare base64.
func ParsePublicKey(text string) (*rsa.PublicKey, error) {
	der, err := derOf(text)
	if err != nil {
		return nil, err
	}
	parsed, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return nil, errors.New("payout: public key is not pkix")
	}
	key, ok := parsed.(*rsa.PublicKey)
	if !ok || key.N.BitLen() < 2048 {
		return nil, errors.New("payout: public key is not an rsa key of 2048 bits or more")
	}
	return key, nil
}

func derOf(text string) ([]byte, error) {
	if block, _ := pem.Decode([]byte(text)); block != nil {
		return block.Bytes, nil
	}
	der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), ""))
	if err != nil || len(der) == 0 {
		return nil, errors.New("payout: key is neither pem nor base64")
	}
	return der, nil
}

// Canonical is the text a request's signature covers: every parameter but
// sign that is not empty, as k=v, sorted by name, joined by &, not escaped.
func Canonical(form url.Values) string {
	var pairs []string
	for _, name := range slices.Sorted(maps.Keys(form)) {
		if value := form.Get(name); name != "sign" && value != "" {
			pairs = append(pairs, name+"="+value)
		}
	}
	return strings.Join(pairs, "&")
}

// Sign is RSA2: base64 of RSA PKCS #1 v1.5 over the text's SHA-256.
func Sign(key *rsa.PrivateKey, text []byte) (string, error) {
	sum := sha256.Sum256(text)
	raw, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum[:])
	if err != nil {
		return "", fmt.Errorf("signing: %w", err)
	}
	return base64.StdEncoding.EncodeToString(raw), nil
}

// Verify tells whether sign is the RSA2 signature of the text.
func Verify(key *rsa.PublicKey, text []byte, sign string) bool {
	raw, err := base64.StdEncoding.DecodeString(sign)
	if err != nil {
		return false
	}
	sum := sha256.Sum256(text)
	return rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], raw) == nil
}

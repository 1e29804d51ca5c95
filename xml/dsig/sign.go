package dsig

import (
	"crypto"
	"crypto/rsa"
	"fmt"
	"io"
)

// Sign signs the canonical form of a SignedInfo with an RSA key (PKCS #1 v1.5) by the given method. Signatures with
// ECDSA are only verified.
func Sign(rand io.Reader, key crypto.Signer, method string, signedInfo []byte) ([]byte, error) {
	h, ok := signatures[method]
	if !ok {
		return nil, fail(ErrAlgorithm, "SEC-047", "signature method")
	}
	if _, ok := key.Public().(*rsa.PublicKey); !ok || method == ECDSASHA256 {
		return nil, fmt.Errorf("dsig: sign: the key is not an RSA key")
	}
	hash := h.New()
	hash.Write(signedInfo)
	return key.Sign(rand, hash.Sum(nil), h)
}

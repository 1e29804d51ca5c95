package wssec

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/ravn-ap/ravn/as4/mime"
	"github.com/ravn-ap/ravn/internal/golden"
)

// oneKey is a key store with one key.
type oneKey struct {
	cert *x509.Certificate
	key  crypto.Decrypter
	uses int
}

func (k *oneKey) Find(match func(*x509.Certificate) bool) (crypto.Decrypter, bool) {
	if !match(k.cert) {
		return nil, false
	}
	return counting{k.key, &k.uses}, true
}

// counting counts private operations.
type counting struct {
	crypto.Decrypter
	n *int
}

func (c counting) Decrypt(r io.Reader, msg []byte, opts crypto.DecrypterOpts) ([]byte, error) {
	*c.n++
	return c.Decrypter.Decrypt(r, msg, opts)
}

func wireKey(t *testing.T, name string) *oneKey {
	t.Helper()
	block, _ := pem.Decode(golden.Read(t, "wire/keys/"+name+".pem"))
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	block, _ = pem.Decode(golden.Read(t, "wire/keys/"+name+".key"))
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return &oneKey{cert: cert, key: key.(crypto.Decrypter)}
}

// wireRequest splits a captured request into SOAP part, content id and ciphertext.
func wireRequest(t *testing.T, dir string) (soap []byte, cid string, data []byte) {
	t.Helper()
	req, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(golden.Read(t, "wire/"+dir+"/request.http"))))
	if err != nil {
		t.Fatal(err)
	}
	ct, err := mime.ParseContentType(req.Header["Content-Type"])
	if err != nil {
		t.Fatal(err)
	}
	r := mime.NewReader(req.Body, ct)
	for i := 0; ; i++ {
		p, err := r.Next()
		if err == io.EOF {
			return soap, cid, data
		}
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(p)
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			soap = b
		} else {
			cid, data = p.ContentID, b
		}
	}
}

// Captured messages of phase4 and Oxalis: signature, XML digests, key, tag, payload digest, and the payload itself.
func TestOpenCapturedRequests(t *testing.T) {
	for _, dir := range []string{"phase4-phase4", "oxalis-oxalis", "oxalis-phase4"} {
		t.Run(dir, func(t *testing.T) {
			soap, cid, data := wireRequest(t, dir)
			u, err := ReadMessage(soap, EDelivery1)
			if err != nil {
				t.Fatal(err)
			}
			s, err := u.Verify(attached(cid))
			if err != nil {
				t.Fatal(err)
			}
			keys := wireKey(t, "b")
			o, err := s.Open(keys, cid, Spool{bytes.NewReader(data), int64(len(data))})
			if err != nil {
				t.Fatal(err)
			}
			zr, err := gzip.NewReader(o.Payload())
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(zr)
			if err != nil || !bytes.Equal(got, golden.Read(t, "wire/"+dir+"/payload.xml")) {
				t.Errorf("payload differs, %v", err)
			}
			if keys.uses != 1 {
				t.Errorf("%d private operations", keys.uses)
			}
		})
	}
}

func TestReadCapturedAnswers(t *testing.T) {
	for dir, signed := range map[string]bool{
		"phase4-phase4": true, "oxalis-oxalis": true, "oxalis-phase4": true, "ping-oxalis-oxalis": true,
		"err-otherca-oxalis-oxalis": false, "err-wrongkey-phase4-oxalis": false,
	} {
		t.Run(dir, func(t *testing.T) {
			res,
				err := http.ReadResponse(bufio.NewReader(bytes.NewReader(golden.Read(t, "wire/"+dir+"/response.http"))),
				nil)
			if err != nil {
				t.Fatal(err)
			}
			body := res.Body
			if res.Header.Get("Content-Encoding") == "gzip" {
				if body, err = gzip.NewReader(res.Body); err != nil {
					t.Fatal(err)
				}
			}
			soap, err := io.ReadAll(body)
			if err != nil {
				t.Fatal(err)
			}
			u, err := ReadSignal(soap, EDelivery1)
			if err != nil {
				t.Fatal(err)
			}
			if got := u.Signer() != nil; got != signed {
				t.Fatalf("signed: %v", got)
			}
			if !signed {
				if u.Claimed().IsZero() {
					t.Error("no Messaging found")
				}
				return
			}
			if _, err := u.Verify(nil); err != nil {
				t.Error(err)
			}
			// any change inside Messaging is found
			bad := bytes.Replace(soap, []byte("SignalMessage>"), []byte("SignalMessage> "), 1)
			if u, err := ReadSignal(bad, EDelivery1); err == nil {
				if _, err := u.Verify(nil); err == nil || !strings.Contains(err.Error(), "changed") {
					t.Errorf("a changed signal: %v", err)
				}
			}
		})
	}
}

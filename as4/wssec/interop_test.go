package wssec

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ravn-ap/ravn/internal/golden"
	"github.com/ravn-ap/ravn/testbed/interop"
)

func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		golden.Missing(t, "RAVN_REQUIRE_TOOLS", "a tool of this machine is missing", name)
	}
	return path
}

// xmlsecVerify asks xmlsec1 about the signatures of many envelopes, by the key of one party.
func xmlsecVerify(t *testing.T, by *party, soaps map[string][]byte) map[string]bool {
	t.Helper()
	dir := t.TempDir()
	_, cert := by.write(t, dir)
	xmlsec := tool(t, "xmlsec1")
	answers := map[string]bool{}
	i := 0
	for name, soap := range soaps {
		i++
		file := filepath.Join(dir, fmt.Sprintf("%d.xml", i))
		writeFile(t, file, soap)
		out, err := exec.Command(xmlsec, "--verify", "--pubkey-cert-pem", cert, "--id-attr:Id", nsEB+":Messaging",
			"--id-attr:Id", nsSOAP+":Body", file).CombinedOutput()
		answers[name] = err == nil && strings.HasPrefix(string(out), "OK\n")
		if !answers[name] {
			t.Logf("xmlsec1 on %s: %.600s", name, out)
		}
	}
	return answers
}

// AS4-060, AS4-061: another implementation verifies the envelopes we write, and refuses changed ones. xmlsec1 knows no
// cid: references, so the request is signed without its attachment.
func TestAS4060XmlsecVerifiesOurEnvelopes(t *testing.T) {
	sender, receiver, _ := people(t)
	el := messagingElement(t)
	signal, err := SignSignal(EDelivery1, sender.identity(), el)
	if err != nil {
		t.Fatal(err)
	}
	m := sealOne(t, "application/gzip", []byte("payload"))
	e := &edit{t, string(m.soap)}
	from, _, _ := e.find("BinarySecurityToken", 0)
	_, to, _ := e.find("EncryptedData", 0)
	request, err := EDelivery1.envelope(sender.identity(), el, EDelivery1.digests(el), e.text[from:to])
	if err != nil {
		t.Fatal(err)
	}
	good := map[string][]byte{"signal": signal, "request": request}
	for name, ok := range xmlsecVerify(t, sender, good) {
		if !ok {
			t.Errorf("xmlsec1 refuses our %s", name)
		}
	}
	for name, ok := range xmlsecVerify(t, sender, map[string][]byte{
		"Messaging": bytes.Replace(signal, []byte("one@"), []byte("two@"), 1),
		"Body":      bytes.Replace(signal, []byte("></S12:Body>"), []byte("> </S12:Body>"), 1),
	}) {
		if ok {
			t.Errorf("xmlsec1 accepts a changed %s", name)
		}
	}
	for name, ok := range xmlsecVerify(t, receiver, map[string][]byte{"signal": signal}) {
		if ok {
			t.Errorf("xmlsec1 accepts our %s with another key", name)
		}
	}
}

// AS4-076: OpenSSL unwraps the key we wrapped, with SHA-256 for digest and mask.
func TestAS4076OpenSSLUnwraps(t *testing.T) {
	_, receiver, _ := people(t)
	openssl, dir := tool(t, "openssl"), t.TempDir()
	key, _ := receiver.write(t, dir)
	for range 5 {
		m := sealOne(t, "application/gzip", []byte("payload"))
		e := &edit{t, string(m.soap)}
		_, _, value := e.find("CipherValue", 0)
		wrapped, err := base64.StdEncoding.DecodeString(leafText(value))
		if err != nil {
			t.Fatal(err)
		}
		in := filepath.Join(dir, "wrapped")
		writeFile(t, in, wrapped)
		got, err := exec.Command(openssl, "pkeyutl", "-decrypt", "-inkey", key, "-in", in,
			"-pkeyopt", "rsa_padding_mode:oaep", "-pkeyopt", "rsa_oaep_md:sha256", "-pkeyopt",
			"rsa_mgf1_md:sha256").Output()
		if err != nil || !bytes.Equal(got, m.key) {
			t.Errorf("OpenSSL finds another key, %v", err)
		}
	}
}

// AS4-076, AS4-082: the JDK unwraps our key and opens our ciphertext.
func TestInteropJDKOpensOurAttachment(t *testing.T) {
	_, receiver, _ := people(t)
	p, dir := interop.Start(t), t.TempDir()
	key, cert := receiver.write(t, dir)
	for _, n := range []int{0, 1, 15, 16, 17, 1000, gcmChunk, gcmChunk + 1, 3*gcmChunk + 5} {
		m := sealOne(t, "application/gzip", bytes.Repeat([]byte{0x5A}, n))
		answer := p.Call(t, "oaep.unwrap", interop.Fields{
			"key_pem": key, "cert_pem": cert,
			"ciphertext_b64": base64.StdEncoding.EncodeToString(m.wrapped),
		})
		if answer["key_b64"] != base64.StdEncoding.EncodeToString(m.key) {
			t.Errorf("%d bytes: the JDK unwraps another key", n)
		}
		in, out := filepath.Join(dir, "sealed"), filepath.Join(dir, "clear")
		writeFile(t, in, m.data)
		p.Call(t, "gcm.open", interop.Fields{"key_b64": answer["key_b64"], "file": in, "out": out})
		got, err := os.ReadFile(out)
		if err != nil || !bytes.Equal(got, m.payload) {
			t.Errorf("%d bytes: the JDK finds another payload, %v", n, err)
		}
		m.data[len(m.data)-1] ^= 1
		writeFile(t, in, m.data)
		if a := p.Try(t, "gcm.open", interop.Fields{
			"key_b64": answer["key_b64"], "file": in,
			"out": out,
		}); a["ok"] == true {
			t.Error("the JDK opens a changed ciphertext")
		}
	}
}

// Santuario and WSS4J verify a signal of ours.
func TestInteropWSS4JVerifiesOurSignal(t *testing.T) {
	sender, _, _ := people(t)
	p := interop.Start(t)
	soap, err := SignSignal(EDelivery1, sender.identity(), messagingElement(t))
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "signal.xml")
	writeFile(t, file, soap)
	if a := p.Call(t, "verify.receipt", interop.Fields{"file": file}); a["signature_valid"] != true {
		t.Errorf("Santuario: %v", a)
	}
	writeFile(t, file, bytes.Replace(soap, []byte("one@"), []byte("two@"), 1))
	if a := p.Try(t, "verify.receipt", interop.Fields{"file": file}); a["signature_valid"] == true {
		t.Error("Santuario accepts a changed signal")
	}
}

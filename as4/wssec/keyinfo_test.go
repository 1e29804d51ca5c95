package wssec

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"
)

// SEC-048, AS4-065 to AS4-067: the signer's key comes from one token of the security header, and from nowhere else. The
// KeyInfo of a signature is not signed, so each change here would verify if it were believed.
func TestSEC048KeyInfo(t *testing.T) {
	sender, _, _ := people(t)
	m := sealOne(t, "application/gzip", []byte("payload"))
	b64 := base64.StdEncoding.EncodeToString
	sum := sha1.Sum(sender.cert.Raw)
	token := b64(sender.cert.Raw)
	keyInfo := func(content string) func(*edit) {
		return func(e *edit) { // KeyInfo is the last element of the signature
			from := strings.LastIndex(e.text, "<ds:KeyInfo")
			to := strings.LastIndex(e.text, "</ds:KeyInfo>")
			e.text = e.text[:from] + "<ds:KeyInfo>" + content + e.text[to:]
		}
	}
	tokenTag := func(e *edit, change func(string) string) { // the sender's token is the second one
		from, to, s := e.find("BinarySecurityToken", 1)
		e.text = e.text[:from] + change(s) + e.text[to:]
	}
	for _, tc := range []struct {
		name   string
		class  Class
		change func(*edit)
	}{
		{"no KeyInfo", Policy, func(e *edit) {
			from, to := strings.LastIndex(e.text, "<ds:KeyInfo"),
				strings.LastIndex(e.text, "</ds:KeyInfo>")+len("</ds:KeyInfo>")
			e.text = e.text[:from] + e.text[to:]
		}},
		{"empty KeyInfo", Policy, keyInfo("")},
		{"KeyName", Policy, keyInfo("<ds:KeyName>x</ds:KeyName>")},
		{"KeyValue", Policy, keyInfo("<ds:KeyValue><ds:RSAKeyValue><ds:Modulus>" + b64(sender.key.N.Bytes()) +
			"</ds:Modulus><ds:Exponent>AQAB</ds:Exponent></ds:RSAKeyValue></ds:KeyValue>")},
		{"X509Data", Policy, keyInfo("<ds:X509Data><ds:X509Certificate>" + token +
			"</ds:X509Certificate></ds:X509Data>")},
		{"RetrievalMethod", Policy, keyInfo(`<ds:RetrievalMethod URI="http://x.example/"/>`)},
		{
			"KeyInfoReference", Policy,
			keyInfo(`<d:KeyInfoReference xmlns:d="http://www.w3.org/2009/xmldsig11#" URI="#x"/>`),
		},
		{"EncryptedKey", Policy, keyInfo(`<xenc:EncryptedKey xmlns:xenc="` + nsXENC + `"/>`)},
		{"issuer and serial", Policy, keyInfo(str(issuerSerialOf("CN=PNO000001", sender.cert.SerialNumber.String())))},
		{"SKI", Policy, keyInfo(str(`<wsse:KeyIdentifier ValueType="` + x509SKI + `">` + b64(sender.cert.SubjectKeyId) +
			`</wsse:KeyIdentifier>`))},
		{"thumbprint", Policy, keyInfo(str(`<wsse:KeyIdentifier ValueType="` + thumbprint + `">` + b64(sum[:]) +
			`</wsse:KeyIdentifier>`))},
		{"embedded token", Policy, keyInfo(str(`<wsse:Embedded><wsse:BinarySecurityToken>` + token +
			`</wsse:BinarySecurityToken></wsse:Embedded>`))},
		{"external URI", Authentication, keyInfo(str(`<wsse:Reference URI="http://x.example/" ValueType="` + x509v3 +
			`"/>`))},
		{"no URI", Authentication, keyInfo(str(`<wsse:Reference ValueType="` + x509v3 + `"/>`))},
		{"empty fragment", Authentication, keyInfo(str(`<wsse:Reference URI="#" ValueType="` + x509v3 + `"/>`))},
		{
			"a token that is not there", Authentication,
			keyInfo(str(`<wsse:Reference URI="#none" ValueType="` + x509v3 + `"/>`)),
		},
		{
			"a Messaging as token", Authentication,
			keyInfo(str(`<wsse:Reference URI="#msg-1" ValueType="` + x509v3 + `"/>`)),
		},
		{"PKI path reference", Policy, keyInfo(str(`<wsse:Reference URI="#x" ValueType="` + x509Profile +
			`X509PKIPathv1"/>`))},
		{"two references", Policy, keyInfo(str(`<wsse:Reference URI="#x"/><wsse:Reference URI="#y"/>`))},
		{"two token references", Policy, keyInfo(str(`<wsse:Reference URI="#x"/>`) +
			str(`<wsse:Reference URI="#x"/>`))},
		{"text beside the reference", Policy, keyInfo("x" + str(`<wsse:Reference URI="#x"/>`))},
		{"PKI path token", Policy, func(e *edit) {
			tokenTag(e, func(s string) string { return strings.Replace(s, x509v3, x509Profile+"X509PKIPathv1", 1) })
		}},
		{"PKCS7 token", Policy, func(e *edit) {
			tokenTag(e, func(s string) string { return strings.Replace(s, x509v3, x509Profile+"PKCS7", 1) })
		}},
		{"token in hex", Policy, func(e *edit) {
			tokenTag(e, func(s string) string { return strings.Replace(s, "#Base64Binary", "#HexBinary", 1) })
		}},
		{"trailing DER", Authentication, func(e *edit) {
			tokenTag(e, func(s string) string {
				return strings.Replace(s, leafText(s), b64(append(append([]byte{}, sender.cert.Raw...), 0)), 1)
			})
		}},
		{"two certificates", Authentication, func(e *edit) {
			tokenTag(e, func(s string) string {
				return strings.Replace(s, leafText(s),
					b64(append(append([]byte{}, sender.cert.Raw...), sender.cert.Raw...)), 1)
			})
		}},
		{"not a certificate", Authentication, func(e *edit) {
			tokenTag(e, func(s string) string { return strings.Replace(s, leafText(s), "AAAA", 1) })
		}},
		{"malformed base64", Authentication, func(e *edit) {
			tokenTag(e, func(s string) string { return strings.Replace(s, leafText(s), "*"+leafText(s), 1) })
		}},
		{"more than 16 KiB", Authentication, func(e *edit) {
			tokenTag(e, func(s string) string {
				return strings.Replace(s, leafText(s), leafText(s)+strings.Repeat("\n", maxToken), 1)
			})
		}},
		{"an element in the token", Authentication, func(e *edit) {
			tokenTag(e, func(s string) string { return strings.Replace(s, "</", "<x/></", 1) })
		}},
		{"a second token for the key", Authentication, func(e *edit) {
			_, to, s := e.find("BinarySecurityToken", 0)
			e.text = e.text[:to] + strings.Replace(s, `wsu:Id="X-`, `wsu:Id="Y-`, 1) + e.text[to:]
		}},
		{"tokens with one id", Malformed, func(e *edit) {
			_, to, s := e.find("BinarySecurityToken", 0)
			e.text = e.text[:to] + s + e.text[to:]
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := &edit{t, string(m.soap)}
			tc.change(e)
			if e.text == string(m.soap) {
				t.Fatal("the case changes nothing")
			}
			_, err := verified([]byte(e.text))
			refusedAs(t, err, tc.class)
		})
	}
}

// SEC-064: a signer whose key is not RSA of 2048 to 4096 bits with the usual exponent is refused before its key is
// used.
func TestSEC064SignerKeys(t *testing.T) {
	m := sealOne(t, "application/gzip", []byte("payload"))
	ca, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	number := func(bits int) *big.Int { // any odd number of this size: the key is only looked at
		n := new(big.Int).Lsh(big.NewInt(1), uint(bits-1))
		return n.Add(n, big.NewInt(12345))
	}
	for name, pub := range map[string]any{
		"1024 bits":  &rsa.PublicKey{N: number(1024), E: 65537},
		"2047 bits":  &rsa.PublicKey{N: number(2047), E: 65537},
		"4097 bits":  &rsa.PublicKey{N: number(4097), E: 65537},
		"8192 bits":  &rsa.PublicKey{N: number(8192), E: 65537},
		"exponent 3": &rsa.PublicKey{N: number(2048), E: 3},
		"ECDSA":      ca.Public(),
	} {
		tmpl := &x509.Certificate{
			SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "x"},
			NotBefore: time.Now(), NotAfter: time.Now().Add(time.Hour),
		}
		der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, pub, ca)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		e := &edit{t, string(m.soap)}
		from, to, s := e.find("BinarySecurityToken", 1)
		e.text = e.text[:from] + strings.Replace(s, leafText(s), base64.StdEncoding.EncodeToString(der), 1) +
			e.text[to:]
		_, err = verified([]byte(e.text))
		var we *Error
		if !errors.As(err, &we) || we.Class != Authentication || we.Rule != "SEC-064" && we.Rule != "SEC-048" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

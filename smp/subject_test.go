package smp

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"testing"
)

func TestSameSubject(t *testing.T) {
	t.Parallel()
	name := func(kind asn1.ObjectIdentifier, value any) pkix.AttributeTypeAndValue {
		return pkix.AttributeTypeAndValue{Type: kind, Value: value}
	}
	cert := &x509.Certificate{Subject: pkix.Name{Names: []pkix.AttributeTypeAndValue{
		name(asn1.ObjectIdentifier{2, 5, 4, 6}, "NO"),
		name(asn1.ObjectIdentifier{2, 5, 4, 10}, "Fjord, Å & Sønn + AS "),
		name(asn1.ObjectIdentifier{2, 5, 4, 8}, "Oslo"), name(asn1.ObjectIdentifier{2, 5, 4, 3}, "PNO000179"),
		name(asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 1}, "a@b.no"),
	}}}
	for uid, want := range map[string]bool{
		`C=NO,O=Fjord\, Å & Sønn \+ AS,ST=Oslo,CN=PNO000179,E=a@b.no`:                                true,
		`cn=PNO000179, emailaddress=a@b.no, s=Oslo, o="Fjord, Å & Sønn + AS", c=NO`:                  true,
		`CN=PNO000179+C=NO;ST=Oslo,O=Fjord\2C \C3\85 & S\C3\B8nn \2B AS,1.2.840.113549.1.9.1=a@b.no`: true,
		`OID.2.5.4.3=PNO000179,C=NO,ST=Oslo,E=a@b.no,O=Fjord\, Å & Sønn \+ AS `:                      true,
		`C=no,O=FJORD\,   å & sønn \+ as,ST=OSLO,CN=pno000179,E=A@B.NO`:                              true,
		"C=NO,O=Fjord\\, A\u030A & Sønn \\+ AS,ST=Oslo,CN=PNO000179,E=a@b.no":                        true,
		`C=NO,O=Fjord\,Å & Sønn \+ AS,ST=Oslo,CN=PNO000179,E=a@b.no`:                                 false,
		`C=NO,O=Fjord\, Å & Sönn \+ AS,ST=Oslo,CN=PNO000179,E=a@b.no`:                                false,
		`C=NO,O=Fjord\, Å & Sønn \+ AS,ST=Oslo,CN=PNO000178,E=a@b.no`:                                false,
		`C=NO,O=Fjord\, Å & Sønn \+ AS,ST=Oslo,CN=PNO000179`:                                         false,
		`C=NO,C=NO,O=Fjord\, Å & Sønn \+ AS,ST=Oslo,CN=PNO000179,E=a@b.no`:                           false,
		`C=NO,O=Fjord\, Å & Sønn \+ AS,ST=Oslo,CN=PNO000179,E=a@b.no,OU=x`:                           false,
		`C=NO,O="Fjord, Å & Sønn + AS,ST=Oslo,CN=PNO000179,E=a@b.no`:                                 false,
		`C=NO,O=Fjord\, Å & Sønn \+ AS,ST=Oslo,CN=PNO000179,E=a@b.no,`:                               false,
		`PNO000179`: false, `=`: false, `CN=`: false, `CN=\`: false, `,`: false, ``: false,
	} {
		if got := sameSubject(uid, cert); got != want {
			t.Errorf("DISC-084 %s: got %t", uid, got)
		}
	}
	if sameSubject("", &x509.Certificate{}) {
		t.Error("DISC-084: no name is the name of nobody")
	}
}

package mime

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

const good = `multipart/related; type="application/soap+xml"; boundary="b"; start="<s@x>"; ` +
	`start-info="application/soap+xml"`

func TestContentType(t *testing.T) {
	for _, tc := range []struct {
		name    string
		headers []string
		want    string // boundary or media type, "" for a refusal
	}{
		{"AS4-011 multipart", []string{good}, "b"},
		{"AS4-006 plain SOAP", []string{"application/soap+xml;charset=UTF-8"}, SOAP},
		{"SEC-010 upper case", []string{`Multipart/Related; Type="APPLICATION/SOAP+XML"; Boundary=b`}, "b"},
		{"AS4-015 action", []string{`application/soap+xml; action=""`}, SOAP},
		{
			"AS4-013 charset on multipart is ignored",
			[]string{`multipart/related; type="application/soap+xml"; boundary=b; charset=utf-8`},
			"b",
		},
		{
			"AS4-012 without start",
			[]string{`multipart/related; type="application/soap+xml"; boundary="uuid:bd3f58f8-9929"`},
			"uuid:bd3f58f8-9929",
		},
		{"SEC-010 absent", nil, ""},
		{"SEC-010 twice", []string{good, good}, ""},
		{"SEC-010 another type", []string{"application/xml"}, ""},
		{"SEC-010 text/xml is SOAP 1.1", []string{"text/xml"}, ""},
		{"SEC-023 SOAP in another charset", []string{"application/soap+xml; charset=iso-8859-1"}, ""},
		{"SEC-010 multipart of another type", []string{`multipart/related; type="text/xml"; boundary=b`}, ""},
		{"AS4-011 multipart without type", []string{`multipart/related; boundary=b`}, "b"},
		{"AS4-011 multipart with an empty type", []string{`multipart/related; type=""; boundary=b`}, ""},
		{"SEC-010 multipart/mixed", []string{`multipart/mixed; type="application/soap+xml"; boundary=b`}, ""},
		{"SEC-020 no boundary", []string{`multipart/related; type="application/soap+xml"`}, ""},
		{"SEC-020 empty boundary", []string{`multipart/related; type="application/soap+xml"; boundary=""`}, ""},
		{"SEC-020 boundary of 70", []string{`multipart/related; type="application/soap+xml"; boundary="` +
			strings.Repeat("x", 70) + `"`}, strings.Repeat("x", 70)},
		{"SEC-020 boundary of 71", []string{`multipart/related; type="application/soap+xml"; boundary="` +
			strings.Repeat("x", 71) + `"`}, ""},
		{
			"SEC-020 boundary with a bad character",
			[]string{`multipart/related; type="application/soap+xml"; boundary="a;b"`},
			"",
		},
		{
			"SEC-020 boundary that ends with a blank",
			[]string{`multipart/related; type="application/soap+xml"; boundary="a "`},
			"",
		},
		{
			"SEC-020 extended boundary",
			[]string{`multipart/related; type="application/soap+xml"; boundary*=utf-8''b`},
			"",
		},
		{"SEC-020 continued boundary", []string{
			`multipart/related; type="application/soap+xml"; boundary*0=a; boundary*1=b`,
		}, ""},
		{
			"SEC-020 boundary twice",
			[]string{`multipart/related; type="application/soap+xml"; boundary=a; boundary=b`},
			"",
		},
		{"SEC-023 start without brackets", []string{
			`multipart/related; type="application/soap+xml"; boundary=b; start="s@x"`,
		}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ct, err := ParseContentType(tc.headers)
			got := ct.Boundary
			if ct.Media == SOAP {
				got = SOAP
			}
			if got != tc.want || (err == nil) != (tc.want != "") {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}

const (
	root = "Content-Type: application/soap+xml; charset=UTF-8\r\nContent-Transfer-Encoding: binary\r\n" +
		"Content-ID: <s@x>\r\n\r\n<soap/>"
	payload = "Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: binary\r\n" +
		"Content-ID: <p@x>\r\n\r\nDATA"
)

// base64Part is the payload with another text, in base64.
func base64Part(text string) string {
	return strings.NewReplacer("binary", "base64", "DATA", text).Replace(payload)
}

// join makes a body of parts.
func join(parts ...string) string {
	return "--b\r\n" + strings.Join(parts, "\r\n--b\r\n") + "\r\n--b--\r\n"
}

// split reads a body to its end.
func split(r io.Reader) (parts []string, partErr *Error, err error) {
	ct, err := ParseContentType([]string{good})
	if err != nil {
		return nil, nil, err
	}
	mr := NewReader(r, ct)
	for {
		p, err := mr.Next()
		if err == io.EOF {
			return parts, mr.HeaderError(), nil
		}
		if err != nil {
			return parts, nil, err
		}
		b, err := io.ReadAll(p)
		if err != nil {
			return parts, nil, err
		}
		parts = append(parts, p.ContentID+"="+string(b))
	}
}

func TestReader(t *testing.T) {
	change := func(part, old, with string) string { return strings.Replace(part, old, with, 1) }
	many := make([]string, 0, 12)
	for i := range 11 {
		many = append(many, change(payload, "<p@x>", fmt.Sprintf("<p%d@x>", i)))
	}
	for _, tc := range []struct {
		name, body, want string // want: "framing", "part" or the parts
	}{
		{"AS4-016 two parts", join(root, payload), "s@x=<soap/> p@x=DATA"},
		{"AS4-022 preamble line", "\r\n" + join(root, payload), "s@x=<soap/> p@x=DATA"},
		{"AS4-022 no CRLF at the end", strings.TrimSuffix(join(root, payload), "\r\n"), "s@x=<soap/> p@x=DATA"},
		{
			"AS4-022 data that looks like a delimiter", join(root, payload+"\r\n--c\r\n\r\n-"),
			"s@x=<soap/> p@x=DATA\r\n--c\r\n\r\n-",
		},
		{
			"AS4-014 header names in another case",
			join(change(root, "Content-ID", "content-id"), change(payload, "Content-ID", "CONTENT-ID")),
			"s@x=<soap/> p@x=DATA",
		},
		{
			"as4.md §15.3 unknown headers", join(root, "MimeType: application/xml\r\nCompressionType: x\r\n"+payload),
			"s@x=<soap/> p@x=DATA",
		},
		{
			"SEC-026 another content type of the payload",
			join(root, change(payload, "application/octet-stream", "image/png; x=y")), "s@x=<soap/> p@x=DATA",
		},
		{"empty payload", join(root, change(payload, "DATA", "")), "s@x=<soap/> p@x="},
		{"SEC-025 8bit", join(root, change(payload, "binary", "8bit")), "s@x=<soap/> p@x=DATA"},
		{"AS4-023 base64", join(root, base64Part("REFU\r\nQQ==\r\n")), "s@x=<soap/> p@x=DATA"},
		{
			"AS4-023 base64 in capitals", join(root, change(base64Part("REFUQQ=="), "base64", "BASE64")),
			"s@x=<soap/> p@x=DATA",
		},
		{"AS4-023 empty base64", join(root, base64Part("")), "s@x=<soap/> p@x="},
		{"SEC-025 the SOAP part called base64", join(change(root, "binary", "base64"), payload), "part"},
		{"SEC-025 the SOAP part in base64", join(change(change(root, "binary", "base64"), "<soap/>", "PHNvYXAvPg=="),
			payload), "part"},
		{"SEC-025 blanks in base64", join(root, base64Part("REFU QQ==")), "part"},
		{"SEC-025 another alphabet", join(root, base64Part("RE-_QQ==")), "part"},
		{"SEC-025 base64 without padding", join(root, base64Part("REFUQQ")), "part"},
		{"SEC-025 something behind the padding", join(root, base64Part("REFUQQ==REFU")), "part"},
		{"SEC-025 bits left over", join(root, base64Part("REFUQR==")), "part"},
		{"SEC-025 raw octets that are called base64", join(root, base64Part("DATA\x00\xff")), "part"},
		{"SEC-025 quoted-printable", join(root, change(payload, "binary", "quoted-printable")), "part"},
		{"SEC-025 unknown encoding", join(root, change(payload, "binary", "x-foo")), "part"},
		{"SEC-024 no content id", join(root, change(payload, "Content-ID: <p@x>\r\n", "")), "part"},
		{"AS4-017 content id without brackets", join(root, change(payload, "<p@x>", "p@x")), "part"},
		{"SEC-024 content id twice in a part", join(root, "Content-ID: <q@x>\r\n"+payload), "part"},
		{"SEC-024 two parts with one id", join(root, payload, payload), "part"},
		{
			"SEC-024 two parts with ids that differ by case", join(root, payload, change(payload, "<p@x>", "<P@X>")),
			"part",
		},
		{"SEC-022 eleven parts", join(append([]string{root}, many[:10]...)...), "part"},
		{"SEC-022 a long header", join(root, "X: "+strings.Repeat("x", 5000)+"\r\n"+payload), "framing"},
		{"SEC-022 many headers", join(root, strings.Repeat("X-%d: 1\r\n", 1)+manyHeaders(11)+payload), "framing"},
		{"SEC-022 a folded header", join(root, "X: a\r\n b\r\n"+payload), "framing"},
		{"SEC-022 a header without colon", join(root, "X\r\n"+payload), "framing"},
		{"SEC-022 a control character", join(root, "X: \x01\r\n"+payload), "framing"},
		{
			"SEC-023 start names another part", join(change(root, "<s@x>", "<t@x>"), change(payload, "<p@x>", "<s@x>")),
			"framing",
		},
		{
			"SEC-023 root without id although start is given", join(change(root, "Content-ID: <s@x>\r\n", ""), payload),
			"framing",
		},
		{"SEC-023 two SOAP parts", join(root, change(root, "<s@x>", "<t@x>")), "framing"},
		{
			"SEC-023 SOAP 1.1 root", join(change(root, "application/soap+xml; charset=UTF-8", "text/xml"), payload),
			"framing",
		},
		{"SEC-023 root in another charset", join(change(root, "UTF-8", "UTF-16"), payload), "framing"},
		{"SEC-021 LF line ends", strings.ReplaceAll(join(root, payload), "\r\n", "\n"), "framing"},
		{"SEC-021 LF in a header", join(root, change(payload, "\r\nContent-ID", "\nContent-ID")), "framing"},
		{"SEC-021 blank after the boundary", strings.Replace(join(root, payload), "--b\r\n", "--b \r\n", 1), "framing"},
		{"SEC-021 no closing delimiter", strings.TrimSuffix(join(root, payload), "--b--\r\n"), "framing"},
		{"SEC-021 long preamble", strings.Repeat("x", 1100) + "\r\n" + join(root, payload), "framing"},
		{"SEC-021 long epilogue", join(root, payload) + strings.Repeat("x", 1100), "framing"},
		{"SEC-021 short epilogue", join(root, payload) + "x", "s@x=<soap/> p@x=DATA"},
		{"SEC-021 empty body", "", "framing"},
		{"SEC-021 only the end", "--b--\r\n", "framing"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for kind, r := range map[string]io.Reader{
				"whole": strings.NewReader(tc.body),
				"bytes": iotest.OneByteReader(strings.NewReader(tc.body)),
			} {
				parts, partErr, err := split(r)
				got := strings.Join(parts, " ")
				var me *Error
				switch {
				case errors.As(err, &me) && !me.Part:
					got = "framing"
				case err != nil:
					t.Fatal(err)
				case partErr != nil:
					got = "part"
				}
				if partErr != nil && len(parts) == 0 {
					t.Errorf("%s: an error in a part hides the SOAP part", kind)
				}
				if got != tc.want {
					t.Errorf("%s: got %q, want %q", kind, got, tc.want)
				}
			}
		})
	}
}

// SEC-025. Base64 can be switched off.
func TestSEC025RefuseBase64(t *testing.T) {
	r := reader(t, good, join(root, base64Part("REFUQQ==")))
	r.RefuseBase64 = true
	for _, err := r.Next(); err != io.EOF; _, err = r.Next() {
		if err != nil {
			t.Fatal(err)
		}
	}
	if f := r.HeaderError(); f == nil || f.Rule != "SEC-025" {
		t.Errorf("got %v", f)
	}
}

// AS4-023. A part that nobody reads is passed over as it stands, whatever it decodes to.
func TestAS4023Skip(t *testing.T) {
	second := strings.Replace(base64Part("no base64!"), "<p@x>", "<q@x>", 1)
	r := reader(t, good, join(root, second, payload))
	for range 2 {
		if _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
	}
	p, err := r.Next()
	if err != nil || p.ContentID != "p@x" || r.HeaderError() != nil {
		t.Errorf("%+v, %v, %v", p, err, r.HeaderError())
	}
}

// AS4-011. Without a type the root part has it: what would be HTTP 415 as a parameter is one here as well.
func TestAS4011Untyped(t *testing.T) {
	const untyped = "multipart/related; boundary=b"
	if _, err := reader(t, untyped, join(root, payload)).Next(); err != nil {
		t.Error(err)
	}
	text := strings.Replace(root, "application/soap+xml", "text/xml", 1)
	if _, err := reader(t, untyped, join(text, payload)).Next(); !errors.Is(err, ErrMediaType) {
		t.Errorf("got %v", err)
	}
}

func reader(t *testing.T, contentType, body string) *Reader {
	t.Helper()
	ct, err := ParseContentType([]string{contentType})
	if err != nil {
		t.Fatal(err)
	}
	return NewReader(strings.NewReader(body), ct)
}

func manyHeaders(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "X-%d: 1\r\n", i)
	}
	return b.String()
}

// SEC-021: no truncation of a message is taken for a message, wherever it is cut.
func TestSEC021Truncation(t *testing.T) {
	whole := strings.TrimSuffix(join(root, payload), "\r\n")
	for n := range len(whole) {
		if _, _, err := split(strings.NewReader(whole[:n])); err == nil {
			t.Errorf("accepted when cut after byte %d of %d", n, len(whole))
		}
	}
}

// AS4-019, SEC-024: references are decoded once, to printable ASCII.
func TestContentID(t *testing.T) {
	for ref, want := range map[string]string{
		"cid:a@b": "a@b", "cid:a%40b": "a@b", "cid:a%2540b": "a%40b", "cid:a%20b": "", "cid:": "", "a@b": "",
		"http://x/a": "", "cid:%zz": "", "cid:a%00": "", "cid:%C3%A6": "",
	} {
		if got, err := ContentID(ref); got != want || (err == nil) != (want != "") {
			t.Errorf("%s: got %q, %v", ref, got, err)
		}
	}
}

func TestWriterReadsBack(t *testing.T) {
	m := Message{
		Boundary: "b", RootID: "s@x", Root: []byte("<soap/>"),
		Parts: []Content{{ID: "p@x", Body: strings.NewReader("DATA\r\n")}},
	}
	if m.ContentType() != good {
		t.Errorf("AS4-011: %s", m.ContentType())
	}
	var b bytes.Buffer
	if n, err := m.WriteTo(&b); err != nil || n != int64(b.Len()) {
		t.Fatalf("%d bytes, %v", n, err)
	}
	// AS4-013, AS4-014, AS4-017: every octet of it.
	const want = "--b\r\nContent-Type: application/soap+xml; charset=UTF-8\r\nContent-Transfer-Encoding: binary\r\n" +
		"Content-ID: <s@x>\r\n\r\n<soap/>" +
		"\r\n--b\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: binary\r\n" +
		"Content-ID: <p@x>\r\n\r\nDATA\r\n\r\n--b--\r\n"
	if b.String() != want {
		t.Errorf("%q", b.String())
	}
	parts, partErr, err := split(&b)
	if err != nil || partErr != nil || strings.Join(parts, " ") != "s@x=<soap/> p@x=DATA\r\n" {
		t.Errorf("%q, %v, %v", parts, partErr, err)
	}
}

// FuzzMIMESplit: no panic; what is split the same way in one piece and byte by byte is one interpretation.
func FuzzMIMESplit(f *testing.F) {
	f.Add([]byte(join(root, payload)))
	f.Add([]byte("\r\n" + join(root, payload)))
	f.Add([]byte(join(root)))
	f.Add([]byte(join(root, base64Part("REFU\r\nQQ=="))))
	f.Fuzz(func(t *testing.T, body []byte) {
		parts, partErr, err := split(bytes.NewReader(body))
		again, partErr2, err2 := split(iotest.OneByteReader(bytes.NewReader(body)))
		if (err == nil) != (err2 == nil) || (partErr == nil) != (partErr2 == nil) ||
			strings.Join(parts, "\x00") != strings.Join(again, "\x00") && err == nil && partErr == nil {
			t.Errorf("two interpretations: %q %v %v, %q %v %v", parts, partErr, err, again, partErr2, err2)
		}
	})
}

func FuzzContentType(f *testing.F) {
	f.Add(good)
	f.Add("application/soap+xml;charset=UTF-8")
	f.Fuzz(func(t *testing.T, s string) {
		if ct, err := ParseContentType([]string{s}); err == nil && ct.Media == Multipart &&
			!validBoundary(ct.Boundary) {
			t.Errorf("boundary %q", ct.Boundary)
		}
	})
}

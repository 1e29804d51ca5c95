package pickup

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ravn-ap/ravn/internal/ap"
	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/peppol"
)

// mostSideBytes is the limit of a side file (API-050).
const mostSideBytes = 64 << 10

// side is a side file: the members of metadata of API-050 that can be given here.
type side struct {
	Sender         string `json:"sender"`
	Receiver       string `json:"receiver"`
	DocumentType   string `json:"document_type"`
	Process        string `json:"process"`
	CountryC1      string `json:"country_c1"`
	Seat           string `json:"seat"`
	ConversationID string `json:"conversation_id"`
	Wrap           string `json:"wrap"` // xml, binary or text
}

// members are the names that a side file may have.
var members = []string{
	"sender", "receiver", "document_type", "process", "country_c1", "seat", "conversation_id", "wrap",
}

// readSide reads the side file of a document in Pending; nil if it has none.
func (r *round) readSide(name string) ([]byte, error) {
	f, err := r.root.openRegular(filepath.Join(r.Pending, name+metaEnding))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(f, mostSideBytes+1))
	if err = errors.Join(err, f.Close()); err == nil && text == nil {
		text = []byte{}
	}
	return text, err
}

// parseSide reads the text of a side file. Whatever it cannot carry out is refused by name: nothing that a submitter
// asks for is left out silently.
func parseSide(text []byte) (s side, err error) {
	if len(text) > mostSideBytes {
		return s, sideFault("it is larger than %d KiB", mostSideBytes>>10)
	}
	var given map[string]json.RawMessage
	if err := json.Unmarshal(text, &given); err != nil || given == nil {
		return s, sideFault("it is no JSON object")
	}
	for name := range given {
		if !slices.Contains(members, name) {
			return s, sideFault("%q is no member that it may have, which are %s", name, strings.Join(members, ", "))
		}
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	var typ *json.UnmarshalTypeError
	if err := d.Decode(&s); errors.As(err, &typ) {
		return s, sideFault("%s is no text", typ.Field)
	} else if err != nil {
		return s, sideFault("%v", err)
	}
	return s, nil
}

func sideFault(format string, args ...any) error {
	return fault.New(fault.SideFileInvalid, nil, "%s", fmt.Sprintf(format, args...))
}

// apply sets what the side file says.
func (s *side) apply(sub *ap.Submission, name string, ours func(peppol.SeatID) bool) (err error) {
	set := func(member, text string, parse func() error) {
		if err != nil || text == "" {
			return
		}
		if perr := parse(); perr != nil {
			err = sideFault("%s: %v", member, perr)
		}
	}
	set("sender", s.Sender, func() (e error) { sub.From, e = peppol.ParseParticipant(s.Sender); return })
	set("receiver", s.Receiver, func() (e error) { sub.To, e = peppol.ParseParticipant(s.Receiver); return })
	set("document_type", s.DocumentType, func() (e error) {
		sub.DocType, e = peppol.ParseDocType(s.DocumentType)
		return e
	})
	set("process", s.Process, func() (e error) { sub.Process, e = peppol.ParseProcess(s.Process); return })
	set("country_c1", s.CountryC1, func() error {
		if !peppol.KnownCountry(s.CountryC1) {
			return fmt.Errorf("%q is no country code", s.CountryC1)
		}
		return nil
	})
	set("seat", s.Seat, func() (e error) {
		if sub.Seat, e = peppol.ParseSeat(s.Seat); e == nil && !ours(sub.Seat) {
			e = fmt.Errorf("%s is no seat of this installation", s.Seat)
		}
		return e
	})
	if err != nil {
		return err
	}
	sub.Country, sub.Conversation = s.CountryC1, s.ConversationID
	switch s.Wrap {
	case "", "xml":
	case "binary":
		sub.MimeType = mediaType(name)
	case "text":
		sub.MimeType, sub.Text = "text/plain", true
	default:
		return sideFault("wrap: want xml, binary or text, have %q", s.Wrap)
	}
	return nil
}

// mediaType is that of content which is no XML, by the extension of its file.
func mediaType(name string) string {
	_, ext := split(name)
	switch strings.ToLower(ext) {
	case ".pdf":
		return "application/pdf"
	case ".zip":
		return "application/zip"
	case ".asice", ".sce":
		return "application/vnd.etsi.asic-e+zip"
	case ".p7m", ".p7s":
		return "application/pkcs7-mime"
	case ".csv":
		return "text/csv"
	case ".txt":
		return "text/plain"
	}
	return "application/octet-stream"
}

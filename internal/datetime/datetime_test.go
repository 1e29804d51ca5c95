package datetime

import (
	"testing"
	"time"
)

// SBDH-010, DISC-075. What is an xs:dateTime, and which instant it is.
func TestParse(t *testing.T) {
	for text, want := range map[string]string{
		"2026-11-30T12:00:00Z": "2026-11-30T12:00:00Z", "2026-11-30T12:00:00": "2026-11-30T12:00:00Z",
		"2026-11-30T12:00:00.25+14:00": "2026-11-29T22:00:00.25Z", "2026-12-31T24:00:00-01:00": "2027-01-01T01:00:00Z",
		"2024-02-29T00:00:00Z": "2024-02-29T00:00:00Z", "2026-02-29T00:00:00Z": "", "2026-11-30T24:00:01Z": "",
		"0000-01-01T00:00:00Z": "", "02026-01-01T00:00:00Z": "", "2026-11-30T12:00:60Z": "",
		"2026-11-30T12:00:00+14:01": "",
		"2026-11-30T12:00:00+01:60": "", "2026-11-30T12:00Z": "", "2026-11-30": "", "": "", " 2026-11-30T12:00:00Z": "",
	} {
		got, zoned, err := Parse(text)
		if (err == nil) != (want != "") || err == nil && got.Format(time.RFC3339Nano) != want {
			t.Errorf("%q: %v, %v", text, got, err)
		}
		if err == nil && zoned != (text != "2026-11-30T12:00:00") {
			t.Errorf("%q: zoned %v", text, zoned)
		}
	}
	if got, _, err := Parse("12026-01-01T00:00:00Z"); err != nil || got.Year() != 12026 {
		t.Errorf("%v, %v", got, err)
	}
}

package peppol

import (
	"errors"
	"fmt"
	"strings"
)

// activeSchemes are the participant schemes under which registrations may be made (code lists 9.7).
const activeSchemes = ` 0002 0007 0009 0060 0088 0096 0097 0106 0130 0135 0142 0151 0158 0183 0184 0188 0190 0191
 0192 0195 0196 0198 0199 0200 0201 0204 0208 0209 0210 0211 0216 0218 0221 0225 0230 0235 0240 0242 0244 0245 0246 0248
 9910 9913 9914 9915 9918 9919 9920 9922 9923 9924 9925 9926 9927 9928 9929 9930 9931 9932 9933 9934 9935 9936 9937
 9938 9939 9940 9941 9942 9943 9944 9945 9946 9947 9948 9949 9950 9951 9952 9953 9957 9959 `

// insteadOf names what replaced a scheme that is often still written.
func insteadOf(icd string) string {
	switch icd {
	case "9908", "9909":
		return ": Norwegian organisations are 0192"
	}
	return ""
}

// ErrScheme means that the scheme of a participant is not an active one of Peppol's code list. The list grows several
// times a year, so that a scheme may be newer than this program.
var ErrScheme = errors.New("it is not an active participant scheme of Peppol (DISC-005)")

// CheckScheme answers nil if new registrations may be made under the scheme of the participant, and otherwise an
// ErrScheme (DISC-005).
func (p ParticipantID) CheckScheme() error {
	icd, _, _ := strings.Cut(p.value, ":")
	if strings.Contains(strings.ReplaceAll(activeSchemes, "\n", " "), " "+icd+" ") {
		return nil
	}
	return fmt.Errorf("participant %s: %s: %w%s", p.value, icd, ErrScheme, insteadOf(icd))
}

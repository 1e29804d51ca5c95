package alert

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/ravn-ap/ravn/internal/retryafter"
)

// Webhook sends each notice as a CloudEvent, signed as Standard Webhooks 1.0.0 has it (API-091, API-094).
type Webhook struct {
	URL    string
	Secret Secret
	HTTP   *http.Client // which reaches only what it may (API-095); its redirect policy is ignored
	Agent  string
	Now    func() time.Time
}

// Secret is what webhooks are signed with.
type Secret []byte

const secretPrefix = "whsec_"

// ParseSecret reads whsec_ and base64 of 24 to 64 bytes. The error does not quote it.
func ParseSecret(text string) (Secret, error) {
	code, ok := strings.CutPrefix(text, secretPrefix)
	b, err := base64.StdEncoding.DecodeString(code)
	if !ok || err != nil || len(b) < 24 || len(b) > 64 {
		return nil, errors.New("want whsec_ and base64 of 24 to 64 bytes")
	}
	return b, nil
}

// Sign returns the header webhook-signature.
func (s Secret) Sign(id string, at time.Time, body []byte) string {
	mac := hmac.New(sha256.New, s)
	_, _ = fmt.Fprintf(mac, "%s.%d.", id, at.Unix()) // a hash takes everything
	_, _ = mac.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// Limits of an attempt (API-094).
const (
	webhookLimit = 15 * time.Second
	maxAnswer    = 64 << 10
)

// Send posts the notices. All must be taken: one is sent at a time.
func (w *Webhook) Send(ctx context.Context, list []Notice) error {
	for i := range list {
		if err := w.post(ctx, &list[i]); err != nil {
			return err
		}
	}
	return nil
}

func (w *Webhook) post(ctx context.Context, n *Notice) error {
	ctx, cancel := context.WithTimeout(ctx, webhookLimit)
	defer cancel()
	body := []byte(n.Event)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.URL, bytes.NewReader(body))
	if err != nil {
		return errors.New("alert: the URL of the webhook cannot be used")
	}
	now := w.Now()
	r.Header = http.Header{
		"Content-Type": {"application/cloudevents+json; charset=utf-8"}, "User-Agent": {w.Agent},
		"Webhook-Id": {n.ID}, "Webhook-Timestamp": {strconv.FormatInt(now.Unix(), 10)},
		"Webhook-Signature": {w.Secret.Sign(n.ID, now, body)},
	}
	client := *w.HTTP
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	res, err := client.Do(r)
	if err != nil {
		return fmt.Errorf("alert: webhook: %w", withoutURL(err))
	}
	defer func() { _ = res.Body.Close() }()
	if _, err := io.Copy(io.Discard, io.LimitReader(res.Body, maxAnswer)); err != nil {
		return errors.New("alert: webhook: the answer broke off")
	}
	if res.StatusCode/100 == 2 {
		return nil
	}
	err = fmt.Errorf("alert: webhook: HTTP %d", res.StatusCode)
	switch res.StatusCode { // others may be about the endpoint, which can be mended
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType,
		http.StatusUnprocessableEntity:
		return &Refused{err}
	}
	if after := retryafter.Read(res.Header, now); after > 0 {
		return &Later{after, err}
	}
	return err
}

// withoutURL takes the URL out of an error of package http: it may hold a secret.
func withoutURL(err error) error {
	var u interface{ Unwrap() error }
	if errors.As(err, &u) {
		if inner := u.Unwrap(); inner != nil {
			return inner
		}
	}
	return err
}

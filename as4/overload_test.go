package as4

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"
)

// SEC-016: 200 invalid messages of 10 MiB at once, from 20 sources, do not keep a good one from its receipt for long:
// what is read is on disk, and the pool works on a few at a time.
func TestSEC016GoodAmongLargeInvalid(t *testing.T) {
	a := newArena(t, func(rx *Receiver) { rx.Sleep = sleep })
	large := newDraft(t)
	large.payload = bytes.Repeat([]byte("0123456789abcdef"), 10<<20/16)
	contentType, body := large.build(t)
	forged := bytes.Replace(body, []byte("0192:991825827"), []byte("0192:991825828"), 1) // the signature does not fit
	broken := bytes.Clone(body)
	broken[len(broken)-100] ^= 1 // the tag does not fit
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range 200 {
		b := [][]byte{forged, broken, body}[i%3] // the last one is no gzip
		wg.Go(func() {
			<-start
			d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(1+i%20))}}
			conn, err := d.Dial("tcp", a.addr)
			if err != nil {
				t.Error(err)
				return
			}
			defer func() { _ = conn.Close() }() // the answer was read, or does not matter
			go func() { _, _ = conn.Write(request(contentType, b)) }()
			res, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				return // a reset may take the answer away
			}
			answer, _ := io.ReadAll(res.Body)
			if bytes.Contains(answer, []byte("eb:Receipt")) {
				t.Error("a receipt for an invalid message")
			}
		})
	}
	close(start)
	var took []time.Duration
	for range 20 {
		d := newDraft(t)
		d.by, d.m.From.ID.Value = seat(t, "a2"), "POP900003"
		contentType, body := d.build(t)
		began := time.Now()
		r := a.raw(t, request(contentType, body))
		took = append(took, time.Since(began))
		if r.signal == nil || r.signal.Receipt == nil {
			t.Errorf("HTTP %d %.60q for a good message", r.status, r.body)
		}
		time.Sleep(50 * time.Millisecond)
	}
	wg.Wait()
	slices.Sort(took)
	t.Logf("a good message took %v, %v at most", took[10], took[19])
	// five are asked for; the invalid ones keep this machine busy
	if took[10] > 15*time.Second || took[19] > time.Minute {
		t.Errorf("good messages took %v", took)
	}
	a.server.Close()
	steps := map[string]int{}
	for range 220 {
		x := <-a.done
		steps[fmt.Sprintf("%d %s %s %s", x.Status, x.Step, x.Code, x.Cause)]++
	}
	t.Log(steps)
	a.clean(t, 20)
}

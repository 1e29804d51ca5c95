package as4

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"
)

// hasty is a pace with which nobody needs to wait long.
var hasty = Pace{
	Grace: 100 * time.Millisecond, Rate: 1 << 10, Window: 200 * time.Millisecond, Total: time.Minute,
	Answer: 300 * time.Millisecond,
}

// slowLimit is when a connection must be over with that pace, on a busy machine too.
const slowLimit = 5 * time.Second

func (a *arena) dial(t *testing.T) *net.TCPConn {
	t.Helper()
	conn, err := net.Dial("tcp", a.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() }) // closed already
	_ = conn.SetDeadline(time.Now().Add(slowLimit))
	return conn.(*net.TCPConn)
}

// TestSEC012SlowBody sends bodies that stop or trickle. Each must be answered and its connection closed.
func TestSEC012SlowBody(t *testing.T) {
	contentType, body := newDraft(t).build(t)
	whole := string(request(contentType, body))
	chunked := string(chunked(contentType, body))
	head, _, _ := strings.Cut(whole, "\r\n\r\n")
	for _, tc := range []struct {
		name    string
		sent    string
		trickle string // follows byte by byte
		status  int
	}{
		{"no body", head + "\r\n\r\n", "", 408},
		{"half a body", whole[:len(whole)-len(body)/2], "", 408},
		{"all but a byte", whole[:len(whole)-1], "", 408},
		{"a stop in the middle of a chunk", chunked[:len(chunked)/2], "", 408},
		{"a stop after the size of a chunk", strings.SplitAfter(chunked, "\r\n\r\n")[0] + "1000\r\n", "", 408},
		{"byte by byte", head + "\r\n\r\n", string(body), 408},
		{"byte by byte after a good start", whole[:len(whole)-len(body)/2], whole[len(whole)-len(body)/2:], 408},
		{"a refused body that never comes", strings.Replace(head, "/as4", "/other", 1) + "\r\n\r\n", "", 404},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			a := newArena(t, func(rx *Receiver) { rx.Pace = hasty })
			conn := a.dial(t)
			if _, err := io.WriteString(conn, tc.sent); err != nil {
				t.Fatal(err)
			}
			go func() {
				for i := range tc.trickle {
					if _, err := io.WriteString(conn, tc.trickle[i:i+1]); err != nil {
						return
					}
					time.Sleep(10 * time.Millisecond)
				}
			}()
			got, err := io.ReadAll(conn)
			if errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatal("the connection stays open")
			}
			// a reset may take the answer away
			if status := fmt.Sprintf("HTTP/1.1 %d ", tc.status); err == nil && !strings.HasPrefix(string(got), status) {
				t.Errorf("got %.40q, want %q", got, status)
			}
			if x := <-a.done; x.Status != tc.status {
				t.Errorf("got %d, %v", x.Status, x.Err)
			}
			a.clean(t, 0)
		})
	}
}

// TestSEC012AnswerNotRead sends the same message again and again on one connection and reads none of the receipts.
func TestSEC012AnswerNotRead(t *testing.T) {
	a := newArena(t, func(rx *Receiver) { rx.Pace = hasty })
	narrow := httptest.NewUnstartedServer(a.rx)
	narrow.Config.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		_ = c.(*net.TCPConn).SetWriteBuffer(4 << 10) // so that few answers fill it
		return ctx
	}
	narrow.Start()
	t.Cleanup(narrow.Close)
	a.addr = narrow.Listener.Addr().String()
	conn := a.dial(t)
	_ = conn.SetReadBuffer(4 << 10)
	contentType, body := newDraft(t).build(t)
	raw := request(contentType, body)
	for {
		if _, err := conn.Write(raw); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal("the connection stays open")
		} else if err != nil {
			break
		}
	}
	narrow.Close() // waits for the request under way
	a.clean(t, 1)
}

// The deadline of an answer must not reach into the next message on the connection.
func TestSEC012NextOnConnection(t *testing.T) {
	a := newArena(t, func(rx *Receiver) { rx.Pace = hasty })
	conn := a.dial(t)
	in := bufio.NewReader(conn)
	for n := range 2 {
		contentType, body := newDraft(t).build(t)
		head, content, _ := strings.Cut(string(request(contentType, body, "Expect: 100-continue\r\n")), "\r\n\r\n")
		for i, text := range []string{head + "\r\n\r\n", content} {
			if _, err := io.WriteString(conn, text); err != nil {
				t.Fatal(err)
			}
			res, err := http.ReadResponse(in, nil)
			if err != nil {
				t.Fatalf("message %d: %v", n, err)
			}
			if _, err := io.Copy(io.Discard, res.Body); err != nil || res.StatusCode != 100+100*i {
				t.Fatalf("message %d: HTTP %d, %v", n, res.StatusCode, err)
			}
		}
		<-a.done
		time.Sleep(hasty.Answer + 50*time.Millisecond)
	}
	a.clean(t, 2)
}

func TestSEC012HeaderLines(t *testing.T) {
	contentType, body := newDraft(t).build(t)
	for more, status := range map[int]int{80: 200, 101: 431} {
		a := newArena(t)
		raw := string(request(contentType, body))
		raw = strings.Replace(raw, "\r\n", "\r\n"+strings.Repeat("X-Line: 1\r\n", more), 1)
		if r := a.send(t, []byte(raw)); r.status != status {
			t.Errorf("%d header lines more: HTTP %d", more, r.status)
		}
	}
}

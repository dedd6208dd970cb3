// Package admin lets the one who runs a message center look at it and steer it,
// over a Unix socket that only its owner may use.
package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// SocketName is the name of the socket in a data directory.
const SocketName = "admin.sock"

// Status is how a message center is.
type Status struct {
	SystemID  string    `json:"system_id"`
	PID       int       `json:"pid"`
	Since     time.Time `json:"since"`
	Listen    []string  `json:"listen"`
	Accounts  []string  `json:"accounts"`
	Ready     bool      `json:"ready"`
	Problem   string    `json:"problem,omitempty"` // why it is not ready
	Waiting   int       `json:"waiting"`           // messages to be delivered
	Scheduled int       `json:"scheduled"`         // messages for their time
	Receipts  int       `json:"receipts"`          // that wait
	Away      int       `json:"away"`              // being delivered
	// OldestSeconds is how long the oldest of what waits has.
	OldestSeconds float64   `json:"oldest_seconds"`
	Sessions      []Session `json:"sessions"`
	Queues        []Queue   `json:"queues,omitempty"` // the longest
}

// A Session is one with an ESME.
type Session struct {
	ID          uint64    `json:"id"` // 0: not bound
	Account     string    `json:"account,omitempty"`
	Bind        string    `json:"bind,omitempty"`
	Version     string    `json:"version,omitempty"`
	Remote      string    `json:"remote"`
	Since       time.Time `json:"since"`
	Submitted   uint64    `json:"submitted"`   // messages from it
	Delivered   uint64    `json:"delivered"`   // messages and receipts to it
	Outstanding int       `json:"outstanding"` // of those, not answered yet
	Handling    int       `json:"handling"`    // requests of it
}

// A Queue is what waits for a destination, or of receipts for an account.
type Queue struct {
	Address   string    `json:"address"`
	Account   string    `json:"account,omitempty"` // of receipts
	Waiting   int       `json:"waiting"`
	Scheduled int       `json:"scheduled"`
	Away      int       `json:"away"`
	Oldest    time.Time `json:"oldest"`
}

// Reloaded is what a reload came to.
type Reloaded struct {
	Changed []string `json:"changed"`           // keys
	Restart []string `json:"restart,omitempty"` // keys that have changed but take a restart
}

// ErrNotFound means that there is no such session.
var ErrNotFound = errors.New("there is no such session")

// Control is what a message center can be told. Its methods are called
// concurrently.
type Control interface {
	Status(queues int) Status
	End(ctx context.Context, session uint64) error // ErrNotFound
	Reload() (Reloaded, error)
	Backup(dir string) error
}

// Handler serves a Control.
func Handler(c Control) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, r *http.Request) {
		n, err := strconv.Atoi(r.URL.Query().Get("queues"))
		if err != nil {
			n = 0
		}
		answer(w, c.Status(max(n, 0)), nil)
	})
	mux.HandleFunc("POST /sessions/{id}/end", func(w http.ResponseWriter, r *http.Request) {
		id, err := strconv.ParseUint(r.PathValue("id"), 10, 64)
		if err == nil {
			err = c.End(r.Context(), id)
		}
		answer(w, struct{}{}, err)
	})
	mux.HandleFunc("POST /reload", func(w http.ResponseWriter, _ *http.Request) {
		v, err := c.Reload()
		answer(w, v, err)
	})
	mux.HandleFunc("POST /backup", func(w http.ResponseWriter, r *http.Request) {
		var ask struct{ Dir string }
		err := json.NewDecoder(io.LimitReader(r.Body, 1<<16)).Decode(&ask)
		if err == nil {
			err = c.Backup(ask.Dir)
		}
		answer(w, struct{}{}, err)
	})
	return mux
}

type failure struct {
	Error string `json:"error"`
}

func answer(w http.ResponseWriter, v any, err error) {
	w.Header().Set("Content-Type", "application/json")
	switch {
	case errors.Is(err, ErrNotFound):
		w.WriteHeader(http.StatusNotFound)
		v = failure{err.Error()}
	case err != nil:
		w.WriteHeader(http.StatusUnprocessableEntity)
		v = failure{err.Error()}
	}
	_ = json.NewEncoder(w).Encode(v) // the client may be gone
}

// maxPath is the longest path that a socket can have everywhere.
const maxPath = 103

// Listen makes the socket, for its owner alone. One that was left behind by a
// process that is gone is taken away; one that somebody listens on is an error.
// Closing the listener removes it.
func Listen(path string) (net.Listener, error) {
	// Made under another name in a directory that is its owner's, it is never
	// there with the wrong permissions.
	dir, err := os.MkdirTemp(filepath.Dir(path), ".s")
	if err != nil {
		return nil, fmt.Errorf("admin socket: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	temporary := filepath.Join(dir, "s")
	if n := max(len(path), len(temporary)); n > maxPath {
		return nil, fmt.Errorf("admin socket %s: the path of a socket has room for %d octets, and this one takes %d: name a shorter one", path, maxPath, n)
	}
	switch info, err := os.Lstat(path); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, fmt.Errorf("admin socket: %w", err)
	case info.Mode()&fs.ModeSocket == 0:
		return nil, fmt.Errorf("admin socket %s: there is something else of that name", path)
	default:
		if conn, err := net.Dial("unix", path); err == nil {
			_ = conn.Close()
			return nil, fmt.Errorf("admin socket %s: somebody listens there: another message center runs", path)
		}
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: temporary, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("admin socket: %w", err)
	}
	l.SetUnlinkOnClose(false)
	if err := errors.Join(os.Chmod(temporary, 0o600), os.Rename(temporary, path)); err != nil {
		_ = l.Close()
		return nil, fmt.Errorf("admin socket: %w", err)
	}
	return &socket{l, path}, nil
}

type socket struct {
	*net.UnixListener
	path string
}

func (s *socket) Close() error {
	err := s.UnixListener.Close()
	if err == nil {
		_ = os.Remove(s.path)
	}
	return err
}

// A Client asks a message center. Its methods may be called concurrently.
type Client struct {
	Path string // of the socket
}

// ErrNotRunning means that no message center listens on the socket.
var ErrNotRunning = errors.New("no message center runs there")

func (c *Client) do(ctx context.Context, method, path string, body, result any) error {
	var b bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&b).Encode(body); err != nil {
			return err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://center"+path, &b)
	if err != nil {
		return err
	}
	tr := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", c.Path)
	}}
	defer tr.CloseIdleConnections()
	resp, err := (&http.Client{Transport: tr}).Do(req)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("%s: %w", c.Path, ErrNotRunning)
	}
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err
		}
		return fmt.Errorf("%s: %w", c.Path, err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode == http.StatusOK {
		return json.NewDecoder(resp.Body).Decode(result)
	}
	var f failure
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&f); err != nil || f.Error == "" {
		return fmt.Errorf("%s: %s", c.Path, resp.Status)
	}
	if resp.StatusCode == http.StatusNotFound && f.Error == ErrNotFound.Error() {
		return ErrNotFound
	}
	return errors.New(f.Error)
}

// Status asks how the message center is, with the longest queues.
func (c *Client) Status(ctx context.Context, queues int) (Status, error) {
	var s Status
	err := c.do(ctx, http.MethodGet, "/status?queues="+strconv.Itoa(queues), nil, &s)
	return s, err
}

// End ends a session, gracefully.
func (c *Client) End(ctx context.Context, session uint64) error {
	return c.do(ctx, http.MethodPost, "/sessions/"+strconv.FormatUint(session, 10)+"/end", nil, &struct{}{})
}

// Reload has the configuration read again.
func (c *Client) Reload(ctx context.Context) (Reloaded, error) {
	var r Reloaded
	err := c.do(ctx, http.MethodPost, "/reload", nil, &r)
	return r, err
}

// Backup has a copy of the store written to a directory that does not exist.
func (c *Client) Backup(ctx context.Context, dir string) error {
	return c.do(ctx, http.MethodPost, "/backup", struct{ Dir string }{dir}, &struct{}{})
}

package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/godwit-sms/smpp/center"
	"github.com/godwit-sms/smpp/center/account"
	"github.com/godwit-sms/smpp/center/admin"
	"github.com/godwit-sms/smpp/center/config"
	"github.com/godwit-sms/smpp/center/metrics"
	"github.com/godwit-sms/smpp/center/proxy"
	"github.com/godwit-sms/smpp/center/store/memory"
	"github.com/godwit-sms/smpp/center/store/pebble"
	"github.com/godwit-sms/smpp/center/systemd"
	"github.com/spf13/cobra"
)

// A running is a message center that serves, as the one who runs it sees it.
type running struct {
	app    *app
	flags  *serveFlags
	log    *slog.Logger
	level  slog.LevelVar
	form   logForm
	center *center.Center
	memory *memory.Store // when there is no disk
	disk   *pebble.Store // nil: memory
	meter  *metrics.Meter
	notify systemd.Notifier
	since  time.Time
	listen []string
	// in front of the listeners
	proxied []*proxy.Listener

	hangup   chan os.Signal // SIGHUP
	tls      atomic.Pointer[tls.Config]
	stopping atomic.Bool
	started  *config.File // what holds until the next start

	reloading sync.Mutex
	current   *config.File
}

// A logForm is the form of the log. Whoever writes a line holds it, so that none
// comes in the old form after one in the new.
type logForm struct {
	mu   sync.RWMutex
	json bool
}

func (f *logForm) set(json bool) {
	f.mu.Lock()
	f.json = json
	f.mu.Unlock()
}

// A logHandler writes the log in one of two forms, which may change.
type logHandler struct {
	form         *logForm
	text, object slog.Handler
}

// Enabled is that of both.
func (h *logHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.text.Enabled(ctx, level)
}

// Handle writes in the form of now.
func (h *logHandler) Handle(ctx context.Context, r slog.Record) error {
	h.form.mu.RLock()
	defer h.form.mu.RUnlock()
	if h.form.json {
		return h.object.Handle(ctx, r)
	}
	return h.text.Handle(ctx, r)
}

// WithAttrs adds to both.
func (h *logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &logHandler{h.form, h.text.WithAttrs(attrs), h.object.WithAttrs(attrs)}
}

// WithGroup opens a group in both.
func (h *logHandler) WithGroup(name string) slog.Handler {
	return &logHandler{h.form, h.text.WithGroup(name), h.object.WithGroup(name)}
}

var _ admin.Control = (*running)(nil)

// attend starts what is for the one who runs the message center: HTTP, the
// socket, signals, the watchdog. end ends it.
func (r *running) attend(cmd *cobra.Command) (end func(), httpAddress string, err error) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(cmd.Context()))
	var wg sync.WaitGroup
	var servers []*http.Server
	stop := func() {
		cancel()
		for _, s := range servers {
			_ = s.Close() // nobody is waited for
		}
		wg.Wait()
	}
	defer func() {
		if err != nil {
			stop()
		}
	}()
	if err := r.meter.Attach(r.sources()); err != nil {
		return nil, "", err
	}
	serve := func(l net.Listener, h http.Handler) {
		s := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 64 << 10, ErrorLog: slog.NewLogLogger(r.log.Handler(), slog.LevelDebug)}
		servers = append(servers, s)
		wg.Go(func() { _ = s.Serve(l) }) // until it is closed
	}
	file := r.started
	if file.HTTP != "" {
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", file.HTTP)
		switch {
		case err == nil:
			httpAddress = l.Addr().String()
			serve(l, r.handler())
		case r.flags.changed("http") || file.Has("http"):
			return nil, "", fmt.Errorf("--http: %w", err)
		default: // nobody has asked for it, and something else may well be there
			r.log.Warn("no health and no metrics: the usual address is taken; --http names another, and --http \"\" is none", "address", file.HTTP)
		}
	}
	path := file.Admin
	if path == "" && file.Data != "" {
		path = filepath.Join(file.Data, admin.SocketName)
	}
	if path != "" {
		switch l, err := admin.Listen(path); {
		case err == nil:
			serve(l, admin.Handler(r))
		case file.Admin != "":
			return nil, "", err
		default:
			r.log.Warn("smpp ps, reload and backup will not find this message center; --admin names another place for the socket", "error", err)
		}
	}
	wg.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-r.hangup:
				_, _ = r.Reload() // what is wrong is logged
			}
		}
	})
	wg.Go(func() {
		r.notify.Watchdog(ctx, func() bool {
			r.center.Stats() // does not return when it hangs
			return r.disk == nil || r.disk.Err() == nil
		})
	})
	return stop, httpAddress, nil
}

// grace is how long to deliver what can be at the end.
func (r *running) grace() time.Duration {
	r.reloading.Lock()
	defer r.reloading.Unlock()
	return r.current.Grace
}

// tell logs that the service manager could not be told.
func (r *running) tell(err error) {
	if err != nil {
		r.log.Warn("the service manager cannot be told", "error", err)
	}
}

func (r *running) badCertificate(err error) {
	r.log.Error("the certificate before stays in use", "error", err)
}

// problem says why the message center is not ready, or nothing.
func (r *running) problem() string {
	switch {
	case r.stopping.Load():
		return "the message center is stopping"
	case r.disk != nil && r.disk.Err() != nil:
		return r.disk.Err().Error()
	}
	return ""
}

// handler serves health and metrics.
func (r *running) handler() http.Handler {
	mux := http.NewServeMux()
	text := func(w http.ResponseWriter, status int, s string) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, s+"\n") // the client may be gone
	}
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { text(w, http.StatusOK, "alive") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if p := r.problem(); p != "" {
			text(w, http.StatusServiceUnavailable, p)
			return
		}
		if r.disk != nil && r.disk.Usage().Full {
			text(w, http.StatusOK, "ready; the disk is full, new messages are refused")
			return
		}
		text(w, http.StatusOK, "ready")
	})
	mux.Handle("GET /metrics", r.meter.Handler())
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { text(w, http.StatusOK, "/healthz\n/readyz\n/metrics") })
	return mux
}

// sources is where the metrics come from.
func (r *running) sources() metrics.Sources {
	s := metrics.Sources{
		Sessions: func() (int, map[metrics.Binding]int) {
			all := r.center.Sessions()
			bound := make(map[metrics.Binding]int)
			for _, s := range all {
				if s.ID != 0 {
					bound[metrics.Binding{Account: s.Account, Mode: s.Mode.String()}]++
				}
			}
			return len(all), bound
		},
		Center: func() metrics.Counts {
			st, srv := r.center.Stats(), r.center.ServerStats()
			return metrics.Counts{
				Away: st.Away, Places: st.Places, DroppedReceipts: st.Dropped,
				Binds: srv.Binds, BindsFailed: srv.BindsFailed, BindsRefused: srv.BindsRefused, Throttled: srv.Throttled,
				Connections: srv.Accepted, ConnectionsRefused: srv.RefusedServer + srv.RefusedAddress, HandshakeFails: srv.HandshakesFailed,
			}
		},
	}
	if r.disk != nil {
		s.Store = func() metrics.StoreCounts {
			u := r.disk.Usage()
			return metrics.StoreCounts{Disk: u.Disk, Free: u.Free, Full: u.Full, Failed: r.disk.Err() != nil}
		}
	}
	return s
}

// Status tells how the message center is.
func (r *running) Status(queues int) admin.Status {
	st := r.center.Stats()
	s := admin.Status{PID: os.Getpid(), SystemID: cmp.Or(r.started.Center.SystemID, "smpp"), Since: r.since, Listen: r.listen, Accounts: r.center.Accounts(), Problem: r.problem(), Away: st.Away, Sessions: []admin.Session{}}
	s.Ready = s.Problem == ""
	var oldest, oldestReceipt time.Duration
	s.Waiting, s.Scheduled, s.Receipts, oldest, oldestReceipt = r.meter.Waiting(time.Now())
	s.OldestSeconds = max(oldest, oldestReceipt).Seconds()
	for _, x := range r.center.Sessions() {
		y := admin.Session{
			ID: x.ID, Account: x.Account, Remote: x.Remote.String(), Since: x.Stats.Since,
			Submitted: x.Stats.Received.Messages, Delivered: x.Stats.Sent.Messages, Outstanding: x.Stats.Outstanding, Handling: x.Stats.Handling,
		}
		if x.ID != 0 {
			y.Bind, y.Version = x.Mode.String(), x.Version.String()
		}
		s.Sessions = append(s.Sessions, y)
	}
	if queues > 0 {
		for _, q := range r.center.Queues(queues) {
			s.Queues = append(s.Queues, admin.Queue{Address: q.Key.Addr, Account: q.Key.Account, Waiting: q.Waiting, Scheduled: q.Scheduled, Away: q.Away, Oldest: q.Oldest})
		}
	}
	return s
}

// End ends a session.
func (r *running) End(ctx context.Context, session uint64) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	err := r.center.EndSession(ctx, session)
	if errors.Is(err, center.ErrNoSession) {
		return admin.ErrNotFound
	}
	if err == nil {
		r.log.Info("a session was ended by hand", "session", session)
	}
	return err
}

// Backup writes a copy of the store.
func (r *running) Backup(dir string) error {
	if r.disk == nil {
		return errors.New("messages are in memory: there is nothing to copy")
	}
	if !filepath.IsAbs(dir) {
		return fmt.Errorf("%q: an absolute path is required", dir)
	}
	if err := r.copyTo(filepath.Clean(dir)); err != nil {
		return err
	}
	r.log.Info("backup written", "directory", dir)
	return nil
}

// copyTo writes a copy of the store that, as the store, only its owner may read,
// and that is there whole or not at all.
func (r *running) copyTo(dir string) error {
	if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) {
		if err == nil {
			err = fmt.Errorf("%s: it exists; nothing is overwritten", dir)
		}
		return err
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return err
	}
	holder, err := os.MkdirTemp(filepath.Dir(dir), ".smpp-copy-") // for the owner only
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(holder) }()
	copied := filepath.Join(holder, "copy")
	if err := r.disk.Backup(copied); err != nil {
		return err
	}
	if err := os.Chmod(copied, 0o700); err != nil {
		return err
	}
	if err := os.Rename(copied, dir); err != nil {
		return err
	}
	return syncDir(filepath.Dir(dir))
}

// Reload reads the configuration and the certificates again. On an error what
// holds goes on to.
func (r *running) Reload() (admin.Reloaded, error) {
	r.reloading.Lock()
	defer r.reloading.Unlock()
	r.tell(r.notify.Reloading())
	done, err := r.reload()
	r.meter.Reloaded(err)
	if err != nil {
		err = errors.New(oneLine(err))
		r.log.Error("the configuration before stays in use", "error", err)
	} else {
		r.log.Info("reloaded", "changed", done.Changed)
		if len(done.Restart) > 0 {
			r.log.Warn("some of the configuration takes a restart", "keys", done.Restart)
		}
	}
	r.tell(r.notify.Ready("serving " + accountsOf(r.current)))
	return done, err
}

// isDemo reports whether the account demo stands in for accounts that nobody has
// configured.
func isDemo(file *config.File) bool {
	all := file.Center.Accounts
	return len(all) == 1 && all[0].ID == account.Default().ID && !file.Has("accounts[0].id") && all[0].Password == account.Default().Password
}

func (r *running) reload() (admin.Reloaded, error) {
	if r.stopping.Load() {
		return admin.Reloaded{}, errors.New("the message center is stopping")
	}
	file, err := r.flags.settings()
	if err != nil {
		return admin.Reloaded{}, err
	}
	if isDemo(file) && !isDemo(r.current) { // more likely half of a file than what somebody wants
		err := errors.New("accounts: there are none any more; with the account demo in their place it takes a restart")
		return admin.Reloaded{}, err
	}
	for _, l := range r.listen { // where it listens, whatever the file says now
		if err := mayListen(l, file); err != nil {
			return admin.Reloaded{}, err
		}
	}
	live, _ := config.Changed(r.current, file)
	_, restart := config.Changed(r.started, file)
	done := admin.Reloaded{Changed: []string{}, Restart: restart}
	for _, key := range live {
		if !slices.Contains(restart, key) { // TLS that was not there at the start
			done.Changed = append(done.Changed, key)
		}
	}
	conf, err := r.flags.secure(file, r.badCertificate)
	if err != nil {
		return admin.Reloaded{}, err
	}
	var level slog.Level
	if err := level.UnmarshalText([]byte(file.LogLevel)); err != nil {
		return admin.Reloaded{}, err
	}
	if err := r.center.Reconfigure(file.Center); err != nil {
		return admin.Reloaded{}, err
	}
	// Nothing fails from here on: it is all or nothing.
	if conf != nil && r.tls.Load() != nil {
		r.tls.Store(conf)
	}
	if r.disk != nil {
		r.disk.Set(file.Center.TextRetention > 0, file.Reserve)
	}
	for _, l := range r.proxied {
		l.Trust(file.Proxies, file.OnlyProxy)
	}
	r.memory.SetHistory(file.Center.MaxHistory)
	r.level.Set(level)
	r.form.set(file.LogFormat == "json")
	r.current = file
	return done, nil
}

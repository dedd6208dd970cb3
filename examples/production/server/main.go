// Command server is a message center as one would put it on the open internet:
// TLS, accounts, limits, a journal on disk before an answer, logs, counters, and
// an end that loses nothing.
//
//	go run ./examples/production/server -accounts accounts.json -journal messages.log -cert cert.pem -key key.pem
//
// accounts.json is a list of objects with system_id, password, rate (requests a
// second) and binds (sessions at once). Without -cert it speaks plain TCP. GET
// /counters on -http tells what has happened. SIGINT and SIGTERM end it.
package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/pdu"
)

func main() {
	var o options
	flag.StringVar(&o.listen, "listen", "127.0.0.1:2775", "address of the SMPP side")
	flag.StringVar(&o.http, "http", "127.0.0.1:8082", "address of the counters")
	flag.StringVar(&o.accounts, "accounts", "accounts.json", "file with the accounts")
	flag.StringVar(&o.journal, "journal", "messages.log", "file that messages are written to")
	flag.StringVar(&o.cert, "cert", "", "file with the certificate; it may be replaced while the server runs")
	flag.StringVar(&o.key, "key", "", "file with its key")
	flag.Parse()
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o, log); err != nil {
		log.Error("ended", "error", err)
		os.Exit(1)
	}
}

type options struct{ listen, http, accounts, journal, cert, key string }

// An account may bind.
type account struct {
	SystemID string  `json:"system_id"`
	Password string  `json:"password"`
	Rate     float64 `json:"rate"`
	Binds    int     `json:"binds"`
}

const drainTimeout = 30 * time.Second

func run(ctx context.Context, o options, log *slog.Logger) (err error) {
	accounts, err := readAccounts(o.accounts)
	if err != nil {
		return err
	}
	j, err := openJournal(o.journal)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, j.Close()) }()
	srv := newServer(accounts, j, log)

	l, err := net.Listen("tcp", o.listen)
	if err != nil {
		return err
	}
	counters, err := net.Listen("tcp", o.http)
	if err != nil {
		_ = l.Close()
		return err
	}
	log.Info("listening", "smpp", l.Addr().String(), "http", counters.Addr().String(), "tls", o.cert != "")
	web := &http.Server{ReadHeaderTimeout: 5 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"accepted": j.count.Load(), "server": srv.Stats()})
	})}
	ended := make(chan error, 2)
	go func() { ended <- web.Serve(counters) }()
	go func() {
		if o.cert != "" {
			ended <- srv.ServeTLS(l, o.cert, o.key)
		} else {
			ended <- srv.Serve(l)
		}
	}()
	select {
	case <-ctx.Done():
	case err = <-ended:
	}
	log.Info("ending", "error", err)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	return errors.Join(err, srv.Shutdown(ctx), web.Shutdown(ctx))
}

func readAccounts(name string) (map[string]account, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var list []account
	if err := json.Unmarshal(b, &list); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	accounts := make(map[string]account)
	for _, a := range list {
		if a.SystemID == "" || a.Password == "" {
			return nil, fmt.Errorf("%s: an account needs a system_id and a password", name)
		}
		accounts[a.SystemID] = a
	}
	return accounts, nil
}

func newServer(accounts map[string]account, j *journal, log *slog.Logger) *smpp.Server {
	mux := smpp.NewMux()
	smpp.Handle(mux, func(ctx context.Context, m *pdu.SubmitSM) (*pdu.SubmitSMResp, error) {
		if m.Dest.Addr == "" {
			return nil, pdu.StatusInvalidDest
		}
		id, err := j.write(smpp.SessionFrom(ctx).SystemID(), m)
		if err != nil {
			log.Error("journal", "error", err)
			return nil, pdu.StatusQueueFull // the ESME keeps it and tries again
		}
		return &pdu.SubmitSMResp{MessageID: id}, nil
	})
	return &smpp.Server{
		SystemID: "example",
		Handler:  mux,
		Logger:   log,
		Limits: smpp.Limits{
			Connections: 10_000, Unbound: 1000, ConnectionsPerAddress: 100, UnboundPerAddress: 20,
		},
		SessionInit: 10 * time.Second,
		Inactivity:  time.Hour,
		Authenticate: func(ctx context.Context, b *pdu.Bind) (*smpp.Account, error) {
			a, known := accounts[b.SystemID]
			// Compared even if there is no such account: how long it takes tells
			// nobody which there are.
			if !smpp.SecureEqual(b.Password, a.Password) || !known {
				log.Warn("bind refused", "system_id", b.SystemID, "address", smpp.SessionFrom(ctx).RemoteAddr().String())
				return nil, pdu.StatusBindFailed
			}
			return &smpp.Account{Window: 50, MaxBinds: a.Binds, Rate: smpp.Rate{PerSecond: a.Rate}}, nil
		},
		Bound: func(s *smpp.Session) {
			log.Info("bound", "system_id", s.SystemID(), "as", s.BindMode().String(), "address", s.RemoteAddr().String())
			<-s.Done()
			log.Info("gone", "system_id", s.SystemID(), "reason", s.Err())
		},
	}
}

// A journal is a file of messages, one JSON object a line. What write has
// returned for is on the disk: messages that come at the same time share a sync.
type journal struct {
	count atomic.Int64

	mu      sync.Mutex
	file    *os.File
	written int64 // entries in the file
	synced  int64 // of them, on the disk
	syncing bool
	changed sync.Cond
	failed  error // what is in the file after a failed write or sync, nobody knows
}

func openJournal(name string) (*journal, error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	j := &journal{file: f}
	j.changed.L = &j.mu
	return j, nil
}

func (j *journal) write(from string, m *pdu.SubmitSM) (id string, err error) {
	now := time.Now()
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.failed != nil {
		return "", j.failed
	}
	n := j.written + 1
	id = fmt.Sprintf("%x-%x", now.UnixNano(), n)
	whole, err := pdu.Append(nil, pdu.Header{Sequence: 1}, m) // TLVs and all
	if err != nil {
		return "", err
	}
	line, err := json.Marshal(map[string]any{"id": id, "time": now, "system_id": from, "dest": m.Dest.String(), "pdu": hex.EncodeToString(whole)})
	if err != nil {
		return "", err
	}
	if _, err := j.file.Write(append(line, '\n')); err != nil {
		j.failed = err
		return "", err
	}
	j.written = n
	for j.synced < n && j.failed == nil {
		if j.syncing {
			j.changed.Wait()
			continue
		}
		j.syncing = true
		upTo := j.written
		j.mu.Unlock()
		err := j.file.Sync()
		j.mu.Lock()
		j.syncing = false
		if err != nil {
			j.failed = err
		} else {
			j.synced = upTo
		}
		j.changed.Broadcast()
	}
	if j.synced < n {
		return "", j.failed
	}
	j.count.Add(1)
	return id, nil
}

func (j *journal) Close() error { return j.file.Close() }

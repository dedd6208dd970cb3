package main

import (
	"bufio"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/godwit-sms/smpp/center/admin"
	"github.com/godwit-sms/smpp/center/message"
	"github.com/godwit-sms/smpp/center/store/pebble"
	"github.com/godwit-sms/smpp/sms"
	"github.com/spf13/cobra"
)

func storeCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "store",
		Short: "Look into the directory in which a message center keeps its messages",
		Long: `store looks into the directory that smpp serve --data keeps messages in, while no
message center runs on it. Of one that runs, make a copy with smpp backup, and look
into that.`,
		Example: `  smpp store check smpp-data
  smpp store export smpp-data | jq 'select(.state == "undeliverable")'`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			return usagef("check, export or stats is required, then a directory")
		},
	}
	cmd.AddCommand(storeCheckCommand(a), storeExportCommand(a), storeStatsCommand(a))
	return cmd
}

// oneDirectory is for subcommands that take a directory and nothing else.
func oneDirectory(_ *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usagef("%d arguments: one directory is required", len(args))
	}
	return nil
}

// inspect opens a store to look at it.
func (a *app) inspect(dir string, fn func(*pebble.Store) error) error {
	s, err := pebble.Open(dir, pebble.Options{ReadOnly: true, Logger: slog.New(slog.NewTextHandler(a.stderr, &slog.HandlerOptions{Level: slog.LevelError}))})
	if err != nil {
		if _, serr := os.Stat(filepath.Join(dir, admin.SocketName)); serr == nil && strings.Contains(err.Error(), "in use") {
			return fmt.Errorf("store: %s is in use by a message center that runs: make a copy with smpp backup, and look into that", dir)
		}
		return err
	}
	defer func() { _ = s.Close() }()
	return fn(s)
}

func storeCheckCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:               "check DIR",
		Short:             "Read all of a store, and tell what is wrong with it",
		Example:           `  smpp store check smpp-data`,
		Args:              oneDirectory,
		ValidArgsFunction: completeDirectories,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.inspect(args[0], func(s *pebble.Store) error {
				n, err := check(cmd.Context(), s, func(err error) { _, _ = fmt.Fprintln(a.stdout, err) })
				if err != nil {
					return err
				}
				_, _ = fmt.Fprintf(a.stdout, "%d messages, nothing wrong\n", n)
				return nil
			})
		},
	}
}

// check reads all of a store. Faults are an error, too.
func check(ctx context.Context, s *pebble.Store, fault func(error)) (int, error) {
	faults := 0
	n, err := s.Check(ctx, func(err error) { faults++; fault(err) })
	if err != nil {
		return n, err
	}
	if faults > 0 {
		return n, fmt.Errorf("%d things are wrong with it; %d messages were read", faults, n)
	}
	return n, nil
}

func storeStatsCommand(a *app) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "stats DIR",
		Short: "Count what is in a store",
		Example: `  smpp store stats smpp-data
  smpp store stats --json smpp-data`,
		Args:              oneDirectory,
		ValidArgsFunction: completeDirectories,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.inspect(args[0], func(s *pebble.Store) error {
				st, err := s.Stats(cmd.Context())
				if err != nil {
					return err
				}
				if asJSON {
					return json.NewEncoder(a.stdout).Encode(struct {
						Live    int            `json:"live"`
						History int            `json:"history"`
						States  map[string]int `json:"states"`
						Disk    uint64         `json:"disk"`
					}{st.Live, st.History, st.States, st.Disk})
				}
				_, _ = fmt.Fprintf(a.stdout, "%d live, %d in the history, %d octets of the disk\n", st.Live, st.History, st.Disk)
				for _, state := range sortedKeys(st.States) {
					_, _ = fmt.Fprintf(a.stdout, "%-14s %d\n", state, st.States[state])
				}
				return nil
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}

// A storedMessage is what store export prints of a message.
type storedMessage struct {
	ID                 string            `json:"id"`
	MessageID          string            `json:"message_id"`
	Kind               string            `json:"kind"`
	State              string            `json:"state"`
	Account            string            `json:"account"`
	Submitted          *time.Time        `json:"submitted,omitempty"`
	Due                *time.Time        `json:"due,omitempty"`
	Expires            *time.Time        `json:"expires,omitempty"`
	Final              *time.Time        `json:"final,omitempty"`
	Next               *time.Time        `json:"next,omitempty"`
	Attempts           int               `json:"attempts"`
	ErrorType          uint8             `json:"error_type,omitempty"`
	ErrorCode          uint16            `json:"error_code,omitempty"`
	ServiceType        string            `json:"service_type"`
	Source             storedAddress     `json:"source"`
	Dest               storedAddress     `json:"dest"`
	ESMClass           uint8             `json:"esm_class"`
	ProtocolID         uint8             `json:"protocol_id"`
	Priority           uint8             `json:"priority_flag"`
	RegisteredDelivery uint8             `json:"registered_delivery"`
	DataCoding         uint8             `json:"data_coding"`
	ShortMessage       string            `json:"short_message,omitempty"` // hex
	Text               string            `json:"text,omitempty"`
	TLVs               map[string]string `json:"tlvs,omitempty"` // hex, by tag
}

type storedAddress struct {
	TON  uint8  `json:"ton"`
	NPI  uint8  `json:"npi"`
	Addr string `json:"addr"`
}

var kindNames = map[message.Kind]string{
	message.Normal: "message", message.Receipt: "receipt", message.Notification: "notification", message.Broadcast: "broadcast", message.Alert: "alert",
}

func exported(m *message.Message) storedMessage {
	at := func(t time.Time) *time.Time {
		if t.IsZero() {
			return nil
		}
		t = t.UTC()
		return &t
	}
	x := storedMessage{
		ID: m.ID.String(), MessageID: m.MessageID(), Kind: kindNames[m.Kind], State: m.State.String(), Account: m.Account,
		Submitted: at(m.Submitted), Due: at(m.Due), Expires: at(m.Expires), Final: at(m.Final), Next: at(m.Next), Attempts: m.Attempts,
		ErrorType: uint8(m.Error.Type), ErrorCode: m.Error.Code, ServiceType: m.ServiceType,
		Source: storedAddress{uint8(m.Source.TON), uint8(m.Source.NPI), m.Source.Addr}, Dest: storedAddress{uint8(m.Dest.TON), uint8(m.Dest.NPI), m.Dest.Addr},
		ESMClass: uint8(m.ESMClass), ProtocolID: m.ProtocolID, Priority: m.Priority, RegisteredDelivery: uint8(m.RegisteredDelivery), DataCoding: uint8(m.DataCoding),
		ShortMessage: hex.EncodeToString(m.Text),
	}
	x.Text = sms.Text(m.Submission())
	for _, o := range m.TLVs {
		if x.TLVs == nil {
			x.TLVs = make(map[string]string)
		}
		x.TLVs[fmt.Sprintf("0x%04x", uint16(o.Tag))] = hex.EncodeToString(o.Value)
	}
	return x
}

func storeExportCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "export DIR",
		Short: "Print the messages of a store, a JSON object a line",
		Long: `export prints each message of a store as a JSON object on a line of its own: those
that are under way first, then those that have come to their end. Texts are there
for as long as they are kept.`,
		Example: `  smpp store export smpp-data > messages.ndjson
  smpp store export smpp-data | jq -r 'select(.state == "expired") | .dest.addr'`,
		Args:              oneDirectory,
		ValidArgsFunction: completeDirectories,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.inspect(args[0], func(s *pebble.Store) error {
				w := bufio.NewWriterSize(a.stdout, 64<<10)
				e := json.NewEncoder(w)
				if err := s.Each(cmd.Context(), func(m *message.Message) error { return e.Encode(exported(m)) }); err != nil {
					_ = w.Flush()
					return err
				}
				return w.Flush()
			})
		},
	}
}

func backupCommand(a *app) *cobra.Command {
	var f *adminFlags
	cmd := &cobra.Command{
		Use:   "backup TARGET",
		Short: "Make a consistent copy of a message center's messages, while it runs or not",
		Long: `backup writes a copy of all messages to a directory that must not exist yet. A
message center that runs on them goes on meanwhile; the copy is as they were at one
instant.`,
		Example: `  smpp backup /backup/smpp-$(date +%F)
  smpp backup --data /var/lib/smpp /backup/smpp`,
		Args:              oneDirectory,
		ValidArgsFunction: completeDirectories,
		RunE: func(cmd *cobra.Command, args []string) error {
			target, err := filepath.Abs(args[0])
			if err != nil {
				return err
			}
			err = f.client().Backup(cmd.Context(), target)
			if errors.Is(err, admin.ErrNotRunning) && f.socket == "" {
				err = a.copyStopped(f.data, target)
			}
			if err != nil {
				return explainAdmin(err)
			}
			// What cannot be read back is no backup.
			return a.inspect(target, func(s *pebble.Store) error {
				n, err := check(cmd.Context(), s, func(error) {})
				if err != nil {
					return fmt.Errorf("the copy in %s: %w", target, err)
				}
				_, _ = fmt.Fprintf(a.stdout, "%d messages in %s\n", n, target)
				return nil
			})
		},
	}
	f = addAdminFlags(cmd)
	return cmd
}

// copyStopped copies a store that nobody uses.
func (a *app) copyStopped(dir, target string) error {
	// For looking only it is locked, too, so that nobody begins to use it.
	return a.inspect(dir, func(*pebble.Store) error { return copyStore(dir, target) })
}

func restoreCommand(a *app) *cobra.Command {
	var data string
	cmd := &cobra.Command{
		Use:   "restore BACKUP",
		Short: "Put a copy that smpp backup made in the place of a message center's messages",
		Long: `restore checks a copy that smpp backup made and copies it to the directory of
--data, which must not exist yet, or be empty: nothing is overwritten. What
happened since the backup did not happen for those messages: some may be delivered
a second time.`,
		Example: `  smpp restore /backup/smpp-2026-01-31
  smpp restore --data /var/lib/smpp /backup/smpp`,
		Args:              oneDirectory,
		ValidArgsFunction: completeDirectories,
		RunE: func(cmd *cobra.Command, args []string) error {
			switch names, err := os.ReadDir(data); {
			case errors.Is(err, fs.ErrNotExist):
			case err != nil:
				return fmt.Errorf("--data: %w", err)
			case len(names) > 0:
				return fmt.Errorf("--data %s: there is something in it; nothing is overwritten: move it away, or name another directory", data)
			}
			total := 0
			err := a.inspect(args[0], func(s *pebble.Store) error {
				var err error
				if total, err = check(cmd.Context(), s, func(err error) { a.warn(cmd, "%w", err) }); err != nil {
					return fmt.Errorf("%s: %w", args[0], err)
				}
				if err := os.Remove(data); err != nil && !errors.Is(err, fs.ErrNotExist) { // it is empty
					return err
				}
				return copyStore(args[0], data)
			})
			if err != nil {
				return err
			}
			_, _ = fmt.Fprintf(a.stdout, "%d messages in %s\n", total, data)
			return nil
		},
	}
	cmd.Flags().StringVar(&data, "data", "smpp-data", "`directory` for the messages")
	return cmd
}

// copyStore copies the files of a store to a directory that does not exist. It
// is there whole or not at all.
func copyStore(from, to string) (err error) {
	to = filepath.Clean(to)
	if _, err := os.Lstat(to); !errors.Is(err, fs.ErrNotExist) {
		if err == nil {
			err = fmt.Errorf("%s: it exists; nothing is overwritten", to)
		}
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	temporary, err := os.MkdirTemp(filepath.Dir(to), ".smpp-copy-")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.RemoveAll(temporary)
		}
	}()
	files, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	skipped := []string{"LOCK", admin.SocketName}
	for _, file := range files {
		if !file.Type().IsRegular() || slices.Contains(skipped, file.Name()) {
			continue
		}
		if err := copyFile(filepath.Join(from, file.Name()), filepath.Join(temporary, file.Name())); err != nil {
			return err
		}
	}
	if err := syncDir(temporary); err != nil {
		return err
	}
	if err := os.Rename(temporary, to); err != nil {
		return err
	}
	return syncDir(filepath.Dir(to))
}

func copyFile(from, to string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if _, err = io.Copy(out, in); err == nil {
		err = out.Sync()
	}
	return errors.Join(err, out.Close())
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

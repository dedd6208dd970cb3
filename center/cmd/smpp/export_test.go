package main

import (
	"context"
	"fmt"
	"io"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/spf13/cobra"
)

var Run = run

// Main is what main does, but for the end of the process.
var Main = program

// RunOn is Run with another disk under the messages of serve.
func RunOn(ctx context.Context, disk vfs.FS, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	a := &app{stdin: stdin, stdout: stdout, stderr: stderr, disk: disk}
	return a.execute(ctx, newRoot(a), args)
}

// RunProbe is Run with one more subcommand, probe, that has connection flags
// and prints what they say.
func RunProbe(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	a := &app{stdin: stdin, stdout: stdout, stderr: stderr}
	root := newRoot(a)
	probe := &cobra.Command{Use: "probe", Args: noArgs}
	flags := addConnectionFlags(probe, "transceiver")
	var tlvs []string
	probe.Flags().StringArrayVar(&tlvs, "tlv", nil, "")
	var once string
	probe.Flags().StringVar(&once, "once", "", "")
	oneOff(probe.Flags(), "once")
	probe.RunE = func(*cobra.Command, []string) error {
		c, err := flags.parse()
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(stdout, "%v %+v %#v %v addr=%s id=%s password=%d %v %v type=%s tls=%t timeout=%v tlv=%q once=%q\n",
			c, c, c, c.LogValue(), c.Addr(), c.SystemID, len(c.Password), c.Bind, c.Version, c.SystemType, c.TLS != nil, c.Timeout, tlvs, once)
		return err
	}
	root.AddCommand(probe)
	return a.execute(ctx, root, args)
}

// Commands returns the paths of all subcommands, and whether their help has
// examples.
func Commands() map[string]bool {
	all := map[string]bool{}
	root := newRoot(&app{})
	root.InitDefaultHelpCmd()
	eachCommand(root, func(c *cobra.Command) { all[c.CommandPath()] = c.HasExample() })
	return all
}

// Cut is cut, for its octets and which of them are whole PDUs.
func Cut(octets []byte, starts []int) (pieces [][]byte, isWhole []bool) {
	for _, p := range cut(octets, starts) {
		pieces, isWhole = append(pieces, p.octets), append(isWhole, p.kind == whole)
	}
	return pieces, isWhole
}

var ParseHex = parseHex

var DrawProgress = drawProgress

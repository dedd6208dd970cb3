package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v4"
)

const defaultsHelp = `Defaults: a flag that is not given is looked up in the environment and then in a
profile. --url is SMPP_URL, --tls-ca is SMPP_TLS_CA and so on, --smpp-version
is SMPP_VERSION; --profile is SMPP_PROFILE and --config is SMPP_CONFIG. A
profile is a section of a YAML file,
` + defaultConfigHint + `
unless --config names another; its keys are the names of the flags:

  profiles:
    default:
      url: smpp://demo:demo@127.0.0.1:2775
    live:
      url: ssmpp://acme:secret@smsc.example.com
      bind: transmitter
      timeout: 5s

The profile called default is used when no other is named. Keep the file to
yourself (chmod 600): it holds passwords.`

const defaultConfigHint = "smpp/config.yaml in $XDG_CONFIG_HOME, ~/.config or %AppData%"

// environmentName returns the variable that holds the default of a flag.
func environmentName(flag string) string {
	return "SMPP_" + strings.ToUpper(strings.ReplaceAll(strings.TrimPrefix(flag, "smpp-"), "-", "_"))
}

// applyDefaults sets the flags of cmd that the command line left alone from the
// environment and the profile.
func (a *app) applyDefaults(cmd *cobra.Command) error {
	var open []*pflag.Flag
	cmd.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
		if f.Name != "help" && len(f.Annotations[oneOffAnnotation]) == 0 {
			open = append(open, f)
		}
	})
	if len(open) == 0 {
		return nil
	}
	config, profile := a.config, a.profile
	if config == "" {
		config = os.Getenv("SMPP_CONFIG")
	}
	if profile == "" {
		profile = os.Getenv("SMPP_PROFILE")
	}
	settings, path, err := a.readProfile(cmd.Root(), config, profile)
	if err != nil {
		return &usageError{err}
	}
	for _, f := range open {
		if f.Changed {
			continue
		}
		if name := environmentName(f.Name); os.Getenv(name) != "" {
			if err := cmd.Flags().Set(f.Name, os.Getenv(name)); err != nil {
				return usagef("environment: %s: %w", name, cause(err))
			}
			continue
		}
		node, ok := settings[f.Name]
		if !ok {
			continue
		}
		values, err := scalars(&node)
		if err == nil {
			for _, v := range values {
				if err = cmd.Flags().Set(f.Name, v); err != nil {
					err = cause(err)
					break
				}
			}
		}
		if err != nil {
			return usagef("%s:%d: %s: %w", path, node.Line, f.Name, err)
		}
	}
	return nil
}

// cause strips what pflag says of the flag: the caller names the place where
// the value stands.
func cause(err error) error {
	var invalid *pflag.InvalidValueError
	if errors.As(err, &invalid) {
		return fmt.Errorf("%q: %w", invalid.GetValue(), invalid.Unwrap())
	}
	return err
}

func scalars(n *yaml.Node) ([]string, error) {
	switch n.Kind {
	case yaml.ScalarNode:
		return []string{n.Value}, nil
	case yaml.AliasNode:
		return scalars(n.Alias)
	case yaml.SequenceNode:
		var values []string
		for _, c := range n.Content {
			if c.Kind != yaml.ScalarNode {
				return nil, errors.New("a value or a list of values is required")
			}
			values = append(values, c.Value)
		}
		return values, nil
	}
	return nil, errors.New("a value or a list of values is required")
}

type configFile struct {
	Profiles map[string]map[string]yaml.Node `yaml:"profiles"`
}

// readProfile returns the settings of a profile and the file they stand in.
// Neither the usual file nor the profile called default has to exist.
func (a *app) readProfile(root *cobra.Command, config, profile string) (map[string]yaml.Node, string, error) {
	file, path, err := readConfig(config)
	if errors.Is(err, fs.ErrNotExist) && config == "" {
		if profile != "" {
			return nil, path, fmt.Errorf("profile %q: there is no file %s", profile, path)
		}
		return nil, path, nil
	}
	if err != nil {
		return nil, path, err
	}
	name := profile
	if name == "" {
		name = "default"
	}
	settings, ok := file.Profiles[name]
	if !ok && profile != "" {
		return nil, path, fmt.Errorf("profile %q: not in %s, which has %s", name, path, listOf(file.names()))
	}
	known := map[string]bool{}
	eachCommand(root, func(c *cobra.Command) {
		c.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
			if f.Name != "help" && len(f.Annotations[oneOffAnnotation]) == 0 {
				known[f.Name] = true
			}
		})
	})
	for _, key := range sortedKeys(settings) {
		if !known[key] {
			n := settings[key]
			return nil, path, fmt.Errorf("%s:%d: %s: no flag of that name can be set in a profile", path, n.Line, key)
		}
	}
	return settings, path, nil
}

func readConfig(path string) (*configFile, string, error) {
	if path == "" {
		dir, err := configDir()
		if err != nil {
			return nil, "", fs.ErrNotExist // no home directory, no profile
		}
		path = filepath.Join(dir, "smpp", "config.yaml")
	}
	octets, err := os.ReadFile(path)
	if err != nil {
		return nil, path, err
	}
	var file configFile
	loader, err := yaml.NewLoader(bytes.NewReader(octets), yaml.WithKnownFields())
	if err == nil {
		err = loader.Load(&file)
	}
	if err != nil && !errors.Is(err, io.EOF) { // a file of comments only is fine
		return nil, path, fmt.Errorf("%s: %w", path, err)
	}
	return &file, path, nil
}

// configDir returns where programs keep their configuration: as os.UserConfigDir
// does, but on macOS where terminal users look.
func configDir() (string, error) {
	if dir := os.Getenv("XDG_CONFIG_HOME"); dir != "" {
		return dir, nil
	}
	if runtime.GOOS == "darwin" {
		home, err := os.UserHomeDir()
		return filepath.Join(home, ".config"), err
	}
	return os.UserConfigDir()
}

func (f *configFile) names() []string { return sortedKeys(f.Profiles) }

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func listOf(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

func (a *app) completeProfile(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	config := a.config
	if config == "" {
		config = os.Getenv("SMPP_CONFIG")
	}
	file, _, err := readConfig(config)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return file.names(), cobra.ShellCompDirectiveNoFileComp
}

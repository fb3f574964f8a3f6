package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"reflect"
	"strings"
	"text/tabwriter"

	"github.com/alecthomas/kong"

	"github.com/switchboardhq/switchboard/migrations"
)

// commandLine is what can be typed. Its flags are the same for every command.
type commandLine struct {
	settings

	Serve   struct{} `cmd:"" default:"1" help:"run the program (also without a command)"`
	Migrate struct {
		Up     struct{} `cmd:"" help:"bring the database to this program's schema"`
		Down   struct{} `cmd:"" help:"take back the last migration"`
		Status struct{} `cmd:"" help:"list the migrations and whether they are applied"`
	} `cmd:"" help:"change the database's schema"`
	Keys struct {
		Status struct{} `cmd:"" help:"count what is sealed with which encryption key"`
		Rotate struct{} `cmd:"" help:"seal everything with the newest encryption key, while the program runs"`
		New    struct{} `cmd:"" help:"make another encryption key for the private database"`
	} `cmd:"" help:"look after the encryption keys"`
	Admin struct {
		Reset struct{} `cmd:"" help:"give the person ADMIN_EMAIL the password ADMIN_PASSWORD (without one it makes and prints one), the role administrator, and end their sessions"`
	} `cmd:"" help:"look after who can sign in"`
	Sandbox sandboxOptions `cmd:"" help:"run the Cybersource sandbox alone, for any receiver; SANDBOX_ADDR says where"`
	Health  struct{}       `cmd:"" help:"ask the running program whether it is ready; exit code 1 if not"`
	Version struct{}       `cmd:"" help:"print the version"`
	Help    struct{}       `cmd:"" help:"print this"`

	WantHelp bool `name:"help" short:"h" help:"print this"`
}

// parse reads the command line, and from the environment what it leaves open. An empty variable counts as not set. It returns the words of the command.
func parse(args []string, getenv func(string) string) (string, commandLine, error) {
	var line commandLine
	parser, err := kong.New(&line, kong.Name("server"), kong.NoDefaultHelp(), kong.Writers(io.Discard, io.Discard),
		kong.Resolvers(kong.ResolverFunc(func(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
			if variable := flag.Tag.Get("variable"); variable != "" {
				if value, err := valueOf(variable, flag.Tag.Get("secret"), getenv); value != "" || err != nil {
					return value, err
				}
			}
			return nil, nil //nolint:nilnil // kong's way to say that there is no value
		})))
	if err != nil {
		return "", commandLine{}, fmt.Errorf("define the command line: %w", err)
	}
	parsed, err := parser.Parse(args)
	if line.WantHelp {
		return "help", line, nil
	}
	if err != nil {
		return "", commandLine{}, fmt.Errorf("%w; `server help` lists what there is", err)
	}
	return parsed.Command(), line, line.tidyFlags()
}

// printHelp lists the commands and all variables with their defaults.
func printHelp(w io.Writer) error {
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	p := &printer{w: out}
	p.line("Switchboard receives, keeps and shows Cybersource webhooks.\n")
	p.line("usage: server [command] [--flag=value ...]\n")
	p.line("Commands")
	printCommands(p, reflect.TypeFor[commandLine](), "")
	p.line("\nConfiguration, as environment variables or as flags (everybody on the machine can read flags: give secrets as variables)\n")
	for field := range fields(reflect.TypeFor[settings]()) {
		tag := field.Tag
		fallback := tag.Get("default")
		if note := tag.Get("note"); note != "" {
			fallback = note
		}
		if tag.Get("secret") != "" {
			p.line("  " + tag.Get("variable") + "_FILE\t\ta file that holds " + tag.Get("variable") + " [none]")
		}
		p.line("  " + tag.Get("variable") + "\t--" + tag.Get("name") + "\t" + tag.Get("help") + " [" + fallback + "]")
	}
	if p.err != nil {
		return p.err
	}
	return out.Flush()
}

func printCommands(p *printer, t reflect.Type, prefix string) {
	for field := range fields(t) {
		if _, ok := field.Tag.Lookup("cmd"); !ok {
			continue
		}
		name := prefix + strings.ToLower(field.Name)
		if hasCommands(field.Type) {
			printCommands(p, field.Type, name+" ")
			continue
		}
		p.line("  server " + name + "\t" + field.Tag.Get("help"))
		for flag := range fields(field.Type) {
			p.line("      --" + flag.Tag.Get("name") + "\t" + flag.Tag.Get("help"))
		}
	}
}

func hasCommands(t reflect.Type) bool {
	for field := range fields(t) {
		if _, ok := field.Tag.Lookup("cmd"); ok {
			return true
		}
	}
	return false
}

func fields(t reflect.Type) func(func(reflect.StructField) bool) {
	return func(yield func(reflect.StructField) bool) {
		for i := range t.NumField() {
			if !yield(t.Field(i)) {
				return
			}
		}
	}
}

// printer keeps the first error of many lines.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) line(text string) {
	if p.err == nil {
		_, p.err = fmt.Fprintln(p.w, text)
	}
}

// migrate runs one of the migrate commands on the configured database.
func migrate(ctx context.Context, cfg Config, command string, log *slog.Logger, stdout io.Writer) (err error) {
	db, err := openDatabase(ctx, cfg, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.stop(context.WithoutCancel(ctx))) }()
	switch command {
	case "migrate up":
		return printVersion(stdout)(migrations.Up(ctx, db.sessions()))
	case "migrate down":
		return printVersion(stdout)(migrations.Down(ctx, db.sessions()))
	default:
		return printStatus(ctx, db.sessions(), stdout)
	}
}

func printVersion(stdout io.Writer) func(int64, error) error {
	return func(version int64, err error) error {
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(stdout, "the database has schema version %d\n", version)
		return err
	}
}

func printStatus(ctx context.Context, url string, stdout io.Writer) error {
	list, err := migrations.List(ctx, url)
	if err != nil {
		return err
	}
	out := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	p := &printer{w: out}
	for _, m := range list {
		state := "pending"
		if m.Applied {
			state = "applied"
		}
		p.line(state + "\t" + m.File)
	}
	if p.err != nil {
		return p.err
	}
	return out.Flush()
}

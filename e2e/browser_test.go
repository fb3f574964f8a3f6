package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// browser is one tab of a Chromium with a profile of its own. Whatever a page reports as an error fails the test.
type browser struct {
	tb   testing.TB
	ctx  context.Context //nolint:containedctx // chromedp keeps the tab in it
	base string
	// patience sees whatever the page does: requests, answers, new documents.
	patience patience

	mu       sync.Mutex
	expected []string
}

// newBrowser opens a tab for the console at address, host:port.
func newBrowser(tb testing.TB, address string) *browser {
	tb.Helper()
	path, err := chromiumPath()
	if err != nil {
		tb.Fatal(err)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.WindowSize(1440, 900), chromedp.UserDataDir(tb.TempDir()),
		chromedp.Flag("disable-gpu", true), chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true), chromedp.Flag("force-color-profile", "srgb"),
	)
	allocated, stopAllocator := chromedp.NewExecAllocator(context.WithoutCancel(tb.Context()), options...)
	ctx, closeTab := chromedp.NewContext(allocated)
	tb.Cleanup(func() {
		closeTab()
		stopAllocator()
	})
	b := &browser{tb: tb, ctx: ctx, base: "http://" + address}
	if err := chromedp.Do(ctx); err != nil {
		tb.Fatalf("start %s: %v", path, err)
	}
	if err := chromedp.Listen(ctx, b.hear); err != nil {
		tb.Fatalf("listen to the page: %v", err)
	}
	return b
}

func chromiumPath() (string, error) {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errors.New("no Chromium found: `make test` installs it, or install the Debian package chromium")
}

// hear fails the test on console errors, uncaught exceptions and reports of the content security policy.
func (b *browser) hear(event any) {
	b.patience.progress()
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		text := e.ExceptionDetails.Text
		if e.ExceptionDetails.Exception != nil {
			text += " " + e.ExceptionDetails.Exception.Description
		}
		b.complain(text)
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError {
			b.complain(e.Entry.Text + " " + e.Entry.URL)
		}
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError {
			b.complain(fmt.Sprintf("console.error: %v", e.Args))
		}
	}
}

func (b *browser) complain(text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, part := range b.expected {
		if strings.Contains(text, part) {
			return
		}
	}
	b.tb.Errorf("the page reports: %s", text)
}

// expect lets pages report errors that contain the text, such as a refused form's status.
func (b *browser) expect(part string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.expected = append(b.expected, part)
}

func (b *browser) do(what string, steps ...chromedp.Action[chromedp.Void]) {
	b.tb.Helper()
	ctx, cancel := b.patience.wait(b.ctx, quietLimit)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.tb.Fatalf("%s: %v (%v)\n%s", what, err, context.Cause(ctx), b.whereabouts())
	}
}

// get runs one step that returns a value.
func get[T any](b *browser, what string, step chromedp.Action[T]) T {
	b.tb.Helper()
	ctx, cancel := b.patience.wait(b.ctx, quietLimit)
	defer cancel()
	value, err := chromedp.Run(ctx, step)
	if err != nil {
		b.tb.Fatalf("%s: %v (%v)\n%s", what, err, context.Cause(ctx), b.whereabouts())
	}
	return value
}

// whereabouts tells what the page shows, for the message of a failed step.
func (b *browser) whereabouts() string {
	ctx, cancel := context.WithTimeout(b.ctx, 30*time.Second)
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string](`location.href + "\n" + document.title + "\n" + (document.querySelector("main") || document.body).innerText.slice(0, 1500)`))
	if err != nil {
		return "(the page does not answer: " + err.Error() + ")"
	}
	return text
}

func (b *browser) open(path string) {
	b.tb.Helper()
	b.do("open "+path, chromedp.Navigate(b.base+path))
}

// signIn signs the administrator in through the form, as a person does.
func (b *browser) signIn() {
	b.tb.Helper()
	b.open("/sign-in")
	b.do("sign in",
		chromedp.SetValue(chromedp.CSS(`input[name=email]`), adminEmail),
		chromedp.SetValue(chromedp.CSS(`input[name=password]`), adminPassword),
		chromedp.Submit(chromedp.CSS(`input[name=password]`)),
		chromedp.WaitReady(testID("sign-out")),
	)
}

// openUntil opens a page again and again until it has an element with the test id: what was sent just now may still be on its way.
func (b *browser) openUntil(path, id string) {
	b.tb.Helper()
	eventually(b.tb, quietLimit, id+" on "+path, func() error {
		b.open(path)
		nodes := get(b, "look for "+id, chromedp.Nodes(chromedp.CSSAll(testID(id)), chromedp.AtLeast(0)))
		if len(nodes) == 0 {
			return errors.New("nothing there")
		}
		return nil
	})
}

func testID(id string) chromedp.CSS { return chromedp.CSS(`[data-testid="` + id + `"]`) }

// waitWord waits, without reloading, until the first element with the test id shows the word: "active" is not found in "inactive".
func (b *browser) waitWord(id, word string) {
	b.tb.Helper()
	b.do(fmt.Sprintf("wait for %q in %s", word, id), waitFor(fmt.Sprintf(
		`new RegExp("(^|[^\\w.])" + %q.replaceAll(".", "\\.") + "($|[^\\w.])", "i").test(document.querySelector('[data-testid=%q]')?.innerText ?? "")`, word, id)))
}

// waitFor asks the page until an expression is true. An answer that is cut off, because the page is just being replaced, is asked for again.
func waitFor(expression string) chromedp.Action[chromedp.Void] {
	return func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		pause := time.NewTicker(50 * time.Millisecond)
		defer pause.Stop()
		for {
			met, err := chromedp.Evaluate[bool](expression)(ctx, t)
			if met && err == nil {
				return chromedp.Void{}, nil
			}
			select {
			case <-pause.C:
			case <-ctx.Done():
				return chromedp.Void{}, errors.Join(ctx.Err(), err)
			}
		}
	}
}

func (b *browser) text(id string) string {
	b.tb.Helper()
	return get(b, "read "+id, chromedp.Text(testID(id)))
}

// follow clicks on what leads to another page and waits until that is loaded.
func (b *browser) follow(what string, sel chromedp.CSS) {
	b.tb.Helper()
	get(b, what, chromedp.WaitEvent(page.LoadEventFired, nil, chromedp.Click(sel)))
}

// screen sets the size of the viewport and the colour scheme.
func (b *browser) screen(width, height int64, scheme string) {
	b.tb.Helper()
	b.do("set the screen", chromedp.EmulateViewport(width, height))
	if _, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}},
	}); err != nil {
		b.tb.Fatalf("set the colour scheme: %v", err)
	}
}

// script switches the page's scripts on or off for the pages opened from then on.
func (b *browser) script(on bool) {
	b.tb.Helper()
	if _, err := chromedp.Call(b.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !on}); err != nil {
		b.tb.Fatalf("switch scripts: %v", err)
	}
}

// keep leaves a picture of the whole page in build/screenshots.
func (b *browser) keep(name string) {
	b.tb.Helper()
	picture := get(b, "take a picture", chromedp.FullScreenshot(100))
	dir := filepath.Join("..", "build", "screenshots")
	if err := os.MkdirAll(dir, 0o750); err != nil {
		b.tb.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), picture, 0o600); err != nil {
		b.tb.Fatal(err)
	}
}

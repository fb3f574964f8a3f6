package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/web"
)

// resetAdministrator lets one administrator in again. It works beside a running program.
func resetAdministrator(ctx context.Context, raw settings, stdout io.Writer) (err error) {
	made := raw.AdminPassword == ""
	if made {
		raw.AdminPassword = rand.Text()
	}
	if raw.AdminEmail == "" {
		return errors.New("ADMIN_EMAIL is not set: want the e-mail address of the administrator to reset, for example server admin reset --admin-email=ada@example.com")
	}
	cfg, err := loadConfig(raw)
	if err != nil {
		return err
	}
	db, err := openKeys(ctx, cfg, newLogger(cfg, os.Stderr))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.close(context.WithoutCancel(ctx))) }()
	u, err := web.ResetAdministrator(ctx, db.store, cfg.AdminEmail, string(cfg.AdminPassword))
	if errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("ADMIN_EMAIL is %q: nobody has this address; another administrator can add people under Team", cfg.AdminEmail)
	}
	if err != nil {
		return fmt.Errorf("reset %s: %w", cfg.AdminEmail, err)
	}
	p := &printer{w: stdout}
	p.line(u.Email + " is an administrator, can sign in, and is signed out everywhere.")
	if made {
		p.line("The new password, which is shown only now: " + string(cfg.AdminPassword))
	}
	return p.err
}

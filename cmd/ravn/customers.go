package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ravn-ap/ravn/internal/accounts"
	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/peppol"
)

func (c *cli) customers() *cobra.Command {
	cmd := &cobra.Command{Use: "customers", Short: "The end users of the monthly reports: customers with their " +
		"country and participants"}
	cmd.AddCommand(c.customersSet(), c.customersImport(), c.customersExport(), c.customersList(), c.customersRelease(),
		c.customersWorklist(), c.customersHistory())
	return cmd
}

func (c *cli) customersSet() *cobra.Command {
	var to accounts.Customer
	var replace bool
	cmd := &cobra.Command{
		Use: "set ID", Short: "Add or change a customer; what is not given stays as it is", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withAccounts(cmd.Context(), func(a *accounts.Accounts) error {
				r, err := a.Registry(cmd.Context(), accounts.Latest)
				if err != nil {
					return err
				}
				to.ID = args[0]
				keep := func(flag string, value *string, was string) {
					if !cmd.Flags().Changed(flag) {
						*value = was
					}
				}
				for _, was := range r.Customers() {
					if was.ID == to.ID {
						keep("name", &to.Name, was.Name)
						keep("country", &to.Country, was.Country)
						keep("counts-as", &to.CountsAs, was.CountsAs)
					}
				}
				return c.changeCustomers(cmd.Context(), a, []accounts.Customer{to}, replace)
			})
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&to.Name, "name", "", "name")
	fl.StringVar(&to.Country, "country", "", "country, ISO 3166-1 code like NO")
	fl.StringVar(&to.CountsAs, "counts-as", "", "id of the customer that this one is reported as")
	fl.StringArrayVar(&to.Participants, "participant", nil,
		"participant of the customer, like 0192:991825827; repeatable")
	fl.BoolVar(&replace, "replace", false, "take participants away from other customers")
	return cmd
}

func (c *cli) changeCustomers(ctx context.Context, a *accounts.Accounts, list []accounts.Customer, replace bool) error {
	change := a.Change
	if replace {
		change = a.Replace
	}
	n, err := change(ctx, actor(), list)
	var bad *accounts.CustomerError
	if errors.As(err, &bad) && bad.Replaces {
		err = fmt.Errorf("%w; with --replace it is done", err)
	}
	if err != nil {
		return err
	}
	return c.print(map[string]int{"customers": len(list), "corrections": n}, "%s, %s",
		count(len(list), "customer", "customers"), count(n, "correction", "corrections"))
}

// customerColumns are the columns of the CSV form.
var customerColumns = []string{"id", "name", "country", "counts_as", "participants"}

func (c *cli) customersImport() *cobra.Command {
	var replace bool
	cmd := &cobra.Command{
		Use: "import FILE|-", Short: "Add and change customers from a CSV file, all or none", Args: cobra.ExactArgs(1),
		Long: "Columns: " + strings.Join(customerColumns, ",") +
			"; participants are separated by spaces. The first line names the columns. Customers and\n" +
			"participants that are not in the file stay as they are. The file is UTF-8. A second line for the same " +
			"customer, or a participant\nthat belongs to another customer, is refused unless --replace is given: " +
			"then the later line wins.",
		RunE: func(cmd *cobra.Command, args []string) error {
			text, err := readText(args[0], cmd.InOrStdin())
			var unreadable *fs.PathError
			if errors.As(err, &unreadable) {
				return fault.New(fault.BadArguments, err, "")
			}
			var list []accounts.Customer
			var lines []int
			if err == nil {
				list, lines, err = readCustomers(bytes.NewReader(text))
			}
			if err != nil {
				return fault.New(fault.CustomersInvalid, err, "%s", args[0])
			}
			return c.withAccounts(cmd.Context(), func(a *accounts.Accounts) error {
				err := c.changeCustomers(cmd.Context(), a, list, replace)
				var bad *accounts.CustomerError
				if !errors.As(err, &bad) {
					return err
				}
				place := fmt.Sprintf("%s line %d", args[0], lines[bad.Index])
				if bad.First >= 0 {
					place += fmt.Sprintf(", after line %d", lines[bad.First])
				}
				return fault.New(fault.CustomersInvalid, err, "%s", place)
			})
		},
	}
	cmd.Flags().BoolVar(&replace, "replace", false,
		"let a later line for the same customer win, and take participants away from other customers")
	return cmd
}

// readCustomers reads the CSV form and remembers the line of each customer.
func readCustomers(in io.Reader) (list []accounts.Customer, lines []int, err error) {
	r := csv.NewReader(in)
	head, err := r.Read()
	if err != nil {
		return nil, nil, fmt.Errorf("the file has no first line with the columns: %w", err)
	}
	if !slices.Equal(head, customerColumns) {
		return nil, nil, fmt.Errorf("line 1: want the columns %s", strings.Join(customerColumns, ","))
	}
	for {
		row, err := r.Read()
		if err == io.EOF {
			return list, lines, nil
		}
		if err != nil {
			return nil, nil, err
		}
		line, _ := r.FieldPos(0)
		list = append(list, accounts.Customer{
			ID: row[0], Name: row[1], Country: row[2], CountsAs: row[3],
			Participants: strings.Fields(row[4]),
		})
		lines = append(lines, line)
	}
}

func (c *cli) customersExport() *cobra.Command {
	return &cobra.Command{
		Use: "export", Short: "Write all customers as CSV, in the form that import reads", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.withAccounts(cmd.Context(), func(a *accounts.Accounts) error {
				r, err := a.Registry(cmd.Context(), accounts.Latest)
				if err != nil {
					return err
				}
				w := csv.NewWriter(c.out)
				rows := [][]string{customerColumns}
				for _, x := range r.Customers() {
					rows = append(rows, []string{
						x.ID, x.Name, x.Country, x.CountsAs,
						strings.Join(x.Participants, " "),
					})
				}
				return w.WriteAll(rows)
			})
		},
	}
}

func (c *cli) customersList() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the customers", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.withAccounts(cmd.Context(), func(a *accounts.Accounts) error {
				r, err := a.Registry(cmd.Context(), accounts.Latest)
				if err != nil {
					return err
				}
				for _, x := range r.Customers() {
					as := ""
					if x.CountsAs != "" {
						as = " counts as " + x.CountsAs
					}
					if err := c.print(x, "%-12s %-2s %s%s: %s", x.ID, x.Country, x.Name, as,
						strings.Join(x.Participants, " ")); err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
}

func (c *cli) customersRelease() *cobra.Command {
	return &cobra.Command{
		Use: "release PARTICIPANT...", Short: "Take participants away from their customers",
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withAccounts(cmd.Context(), func(a *accounts.Accounts) error {
				n, err := a.Release(cmd.Context(), actor(), args)
				if err != nil {
					return fault.New(fault.CustomersInvalid, err, "")
				}
				return c.print(map[string]int{"corrections": n}, "%s", count(n, "correction", "corrections"))
			})
		},
	}
}

func (c *cli) customersWorklist() *cobra.Command {
	return c.monthly(&cobra.Command{
		Use: "worklist --month YYYY-MM", Short: "List our participants whose country or customer is not known",
	}, c.worklist)
}

func (c *cli) worklist(ctx context.Context, a *accounts.Accounts, m peppol.Month) error {
	pairs, err := a.Preview(ctx, m)
	if err != nil {
		return err
	}
	for _, p := range pairs {
		for _, x := range p.Missing {
			c.exit = fault.Negative
			if err := c.print(x, "%s %s%s", x.Participant, count(x.Exchanges, "exchange", "exchanges"),
				of(x.Customer)); err != nil {
				return err
			}
		}
		for _, x := range p.Unowned {
			if slices.Contains(p.Missing, x) {
				continue
			}
			if err := c.print(x, "%s %s, belongs to no customer and counts as an end user of its own", x.Participant,
				count(x.Exchanges, "exchange", "exchanges")); err != nil {
				return err
			}
		}
	}
	return nil
}

func of(customer string) string {
	if customer == "" {
		return ", belongs to no customer: ravn customers set ID --country … --participant …"
	}
	return ", customer " + customer + " has no country: ravn customers set " + customer + " --country …"
}

func (c *cli) customersHistory() *cobra.Command {
	return &cobra.Command{
		Use: "history", Short: "List all changes: who, when, before and after", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.withAccounts(cmd.Context(), func(a *accounts.Accounts) error {
				list, err := a.Ledger.CustomerEvents(cmd.Context(), a.Tenant, 0)
				if err != nil {
					return err
				}
				for _, e := range list {
					if err := c.print(e, "%d %s %s: %s %s %s %q → %q", e.Seq, e.At.Format(time.RFC3339), e.Actor,
						e.Kind, e.Subject, e.Field, e.Old, e.New); err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
}

package main

import (
	"fmt"
	"strings"
)

// class is what a standby makes of a built-in function; the names are those of package statement's constants.
type class string

const (
	read    class = "ClassRead"
	unnamed class = "ClassReadsUnnamed"
	system  class = "ClassCatalog"
	local   class = "ClassServerLocal"
	effect  class = "ClassEffect"
	lock    class = "ClassLock"
	session class = "ClassSession"
	text    class = "ClassText"
	rows    class = "ClassRows"
)

// exact is checked by hand: what a function's volatility does not tell. One line says why for each group.
var exact = map[class]string{
	// Volatile, yet a standby's answer is as good as the primary's.
	read: `random random_normal gen_random_uuid uuidv4 uuidv7 clock_timestamp timeofday timezone current_query
		array_sample array_shuffle bernoulli system pg_sleep pg_sleep_for pg_sleep_until
		pg_is_in_recovery inet_server_addr inet_server_port version pg_postmaster_start_time
		pg_get_keywords pg_timezone_names pg_timezone_abbrevs pg_timezone_abbrevs_abbrevs pg_timezone_abbrevs_zone
		pg_options_to_table pg_get_wait_events pg_split_walfile_name current_schemas getdatabaseencoding`,

	// Reads of relations that the text gives only as data, if at all: right on a standby, but no relation to compare
	// a write's with, unless it is a constant. lo_get reads pg_largeobject.
	unnamed: `pg_relation_size pg_table_size pg_total_relation_size pg_indexes_size pg_database_size pg_tablespace_size
		lo_get`,

	// They run the SQL text that they are given, or read the tables and views that they are told, or make a value of a
	// type that they are told, which may be a domain whose checks call anything.
	text: `query_to_xml query_to_xmlschema query_to_xml_and_xmlschema ts_stat ts_rewrite
		pg_input_is_valid pg_input_error_info domain_in domain_recv record_in record_recv array_in array_recv
		range_in range_recv multirange_in multirange_recv
		table_to_xml table_to_xml_and_xmlschema schema_to_xml schema_to_xml_and_xmlschema
		database_to_xml database_to_xml_and_xmlschema`,

	// Answers about definitions, privileges, names: asked right after DDL by migration tools, and a standby that has not
	// replayed it answers quietly with NULL or the old definition.
	system: `format_type obj_description col_description shobj_description row_security_active enum_first enum_last enum_range
		pg_describe_object pg_identify_object pg_identify_object_as_address pg_relation_filenode pg_relation_filepath
		pg_filenode_relation pg_relation_is_publishable pg_relation_is_updatable pg_column_is_updatable
		pg_partition_root pg_partition_tree pg_partition_ancestors pg_sequence_parameters pg_basetype regclass
		pg_index_column_has_property pg_index_has_property pg_indexam_has_property pg_settings_get_flags
		table_to_xmlschema schema_to_xmlschema database_to_xmlschema get_current_ts_config pg_has_role oidvectortypes`,

	// They make a row like the one that they are given.
	rows: `json_populate_record json_populate_recordset jsonb_populate_record jsonb_populate_recordset
		jsonb_populate_record_valid`,

	// The state of one server or one backend: another server answers something else, without an error.
	local: `pg_backend_pid pg_conf_load_time pg_config pg_cursor pg_prepared_statement pg_prepared_xact pg_lock_status
		pg_show_all_settings pg_show_all_file_settings pg_hba_file_rules pg_ident_file_mappings pg_listening_channels
		pg_my_temp_schema pg_is_other_temp_schema pg_jit_available pg_numa_available pg_available_extensions
		pg_available_extension_versions pg_extension_update_paths pg_tablespace_location pg_tablespace_databases
		pg_current_snapshot pg_current_xact_id_if_assigned txid_current_if_assigned txid_current_snapshot
		pg_visible_in_snapshot txid_visible_in_snapshot pg_xact_status txid_status pg_backup_start_time pg_is_in_backup
		pg_walfile_name pg_walfile_name_offset pg_collation_actual_version pg_database_collation_actual_version
		pg_blocking_pids pg_safe_snapshot_blocking_pids pg_isolation_test_session_is_blocked pg_notification_queue_usage
		pg_read_file pg_read_binary_file pg_read_file_old pg_stat_file pg_current_logfile pg_trigger_depth
		pg_last_committed_xact pg_xact_commit_timestamp pg_xact_commit_timestamp_origin pg_sequence_last_value
		pg_get_sequence_data currval lastval inet_client_addr inet_client_port pg_event_trigger_ddl_commands
		pg_event_trigger_dropped_objects pg_event_trigger_table_rewrite_oid pg_event_trigger_table_rewrite_reason
		pg_replication_origin_oid pg_show_replication_origin_status pg_get_replication_slots pg_get_multixact_members
		pg_stat_have_stats mxid_age pg_is_wal_replay_paused pg_available_wal_summaries pg_wal_summary_contents`,

	// Stable by their label, but they assign a transaction id.
	effect: `txid_current pg_current_xact_id`,

	// What they leave behind in the session, or move in it.
	session: `set_config setseed pg_export_snapshot cursor_to_xml cursor_to_xmlschema`,
}

// prefixes come after exact, the first match counts.
var prefixes = []struct {
	prefix string
	class  class
}{
	{"pg_advisory_", lock},
	{"pg_try_advisory_", lock},
	{"pg_stat_get_", local},
	{"pg_control_", local},
	{"pg_current_wal_", local},
	{"pg_last_", local},
	{"pg_ls_", local},
	{"pg_get_backend_", local},
	{"pg_get_shmem_", local},
	{"pg_get_wal_", local},
	{"pg_get_aios", local},
	{"pg_get_loaded_", local},
	{"pg_get_", system},
	{"to_reg", system},
	{"has_", system},
}

var suffixes = []struct {
	suffix string
	class  class
}{
	{"_is_visible", system},
	{"_privilege", system},
}

// pins is the session state that outlives the statement. What set_config leaves depends on its third argument, which
// the analysis looks at.
var pins = map[string]string{
	"pg_advisory_lock":            "PinAdvisoryLock",
	"pg_advisory_lock_shared":     "PinAdvisoryLock",
	"pg_try_advisory_lock":        "PinAdvisoryLock",
	"pg_try_advisory_lock_shared": "PinAdvisoryLock",
	"set_config":                  "PinSetting",
	"setseed":                     "PinSetting",

	// A replication origin, a base backup that is under way, and slots that may be temporary belong to the session, too.
	"pg_replication_origin_session_setup": "PinSetting",
	"pg_backup_start":                     "PinSetting",
	"pg_start_backup":                     "PinSetting",
	"pg_create_physical_replication_slot": "PinSetting",
	"pg_create_logical_replication_slot":  "PinSetting",
	"pg_copy_physical_replication_slot":   "PinSetting",
	"pg_copy_logical_replication_slot":    "PinSetting",
}

// classify decides for one name, of which the worst volatility of all overloads in all versions is known. Immutable and
// stable functions are reads unless a list says otherwise; volatile ones have an effect unless a list says otherwise.
func classify(name, volatility string) class {
	if c, ok := exactly[name]; ok {
		return c
	}
	for _, p := range prefixes {
		if strings.HasPrefix(name, p.prefix) {
			return p.class
		}
	}
	for _, s := range suffixes {
		if strings.HasSuffix(name, s.suffix) {
			return s.class
		}
	}
	if volatility == "v" {
		return effect
	}
	return read
}

var exactly = func() map[string]class {
	m := map[string]class{}
	for c, names := range exact {
		for _, name := range strings.Fields(names) {
			if _, twice := m[name]; twice {
				panic(fmt.Sprintf("%s is listed twice", name))
			}
			m[name] = c
		}
	}
	return m
}()

// unreserved are the keywords that PostgreSQL does not reserve, yet the analysis has to know; all others of them are
// ordinary names to it.
const unreserved = `abort alter analyze at begin by call checkpoint close cluster columns comment commit conflict copy cube
	cycle data drop deallocate declare delete depth discard double escape exclude execute explain filter first following groups
	import insert key listen load local lock materialized matched merge move next no nothing notify nulls
	of operator ordinality over prepared overriding partition passing preceding prepare range reassign recursive refresh reindex release
	repeatable reset revoke rollback rollup rows savepoint search security session set sets share show skip start temp
	temporary truncate uescape unlisten unlogged update vacuum value varying view within without zone global`

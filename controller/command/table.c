/* Every verb, in the order of the help. */
#include "controller/command.h"

extern const struct command command_validate, command_explain, command_schema, command_catalogue, command_plan,
    command_apply, command_reconcile, command_run_daemon, command_get, command_describe, command_status, command_why,
    command_events, command_resend, command_sync, command_deploy, command_release, command_confirm, command_state_list,
    command_state_show, command_state_backup, command_state_restore, command_state_verify, command_state_rotate_key,
    command_audit_show, command_audit_verify, command_version, command_dns_test, command_preflight, command_clean,
    command_doctor;

const struct command *const commands[] = {
    &command_validate, &command_explain, &command_schema, &command_catalogue,
    &command_plan, &command_preflight, &command_apply, &command_reconcile, &command_run_daemon,
    &command_get, &command_describe, &command_status, &command_why, &command_events,
    &command_resend, &command_sync, &command_deploy, &command_release, &command_confirm,
    &command_dns_test, &command_clean,
    &command_state_list, &command_state_show, &command_state_backup, &command_state_restore, &command_state_verify,
    &command_state_rotate_key, &command_audit_show, &command_audit_verify, &command_doctor, &command_version,
    NULL,
};

#!/bin/bash
# Installs the plugin beside Tempest and writes its options; called by
# DevStack. setup_dev_lib, iniset and the others are DevStack's functions.

# Every MIGRATION_<NAME> of settings that has a value becomes [migration] name.
function configure_migration_tempest_plugin {
    local option variable
    for option in allowed_network_downtime allowed_metadata_downtime \
            allowed_longest_network_outage allowed_longest_metadata_outage \
            allowed_guest_stop allowed_tcp_stall fail_unchecked_limits \
            network_probe_interval network_probe_deadline \
            metadata_probe_interval metadata_probe_deadline \
            metadata_ip_version migration_timeout recovery_timeout; do
        variable=MIGRATION_${option^^}
        if [[ -n "${!variable:-}" ]]; then
            iniset "$TEMPEST_CONFIG" migration "$option" "${!variable}"
        fi
    done
}

if [[ "$1" == "stack" ]]; then
    case "$2" in
        install)
            echo_summary "Installing migration-tempest-plugin"
            setup_dev_lib "migration-tempest-plugin"
            ;;
        test-config)
            echo_summary "Configuring migration-tempest-plugin"
            configure_migration_tempest_plugin
            ;;
    esac
fi

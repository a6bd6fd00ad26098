#!/bin/bash
# Installs the plugin beside Tempest and writes its options; called by
# DevStack in each of its phases. setup_dev_lib, iniset and the others are
# DevStack's functions.

# Prints the group and the name of the option that a variable stands for.
function migration_tempest_option {
    local name=${1,,}
    case $name in
        migration_hosts_*) echo "migration-hosts ${name#migration_hosts_}" ;;
        migration_feature_*)
            echo "migration-feature-enabled ${name#migration_feature_}"
            ;;
        *) echo "migration ${name#migration_}" ;;
    esac
}

# Each variable MIGRATION_<NAME> that is set becomes an option.
function configure_migration_tempest_plugin {
    local variable group option options
    options=${GITDIR[migration-tempest-plugin]}/migration_tempest_plugin/config.py
    iniset "$TEMPEST_CONFIG" compute min_compute_nodes \
        "$MIGRATION_TEMPEST_COMPUTES"
    for variable in ${!MIGRATION_@}; do
        case $variable in
            MIGRATION_TEMPEST_*) continue ;;
        esac
        read -r group option < <(migration_tempest_option "$variable")
        if ! grep -q "^ *'$option'," "$options"; then
            die $LINENO "$variable: migration-tempest-plugin has no option $option"
        fi
        iniset "$TEMPEST_CONFIG" "$group" "$option" "${!variable}"
    done
}

# Where Tempest is not, on a subnode say, there is nothing to do.
if is_service_enabled tempest && [[ "$1" == "stack" ]]; then
    case "$2" in
        install)
            # Beside Nova's API, too, which checks extra specs with it. Without
            # Tempest there, this could not be imported.
            if [[ "${INSTALL_TEMPEST:-True}" == "True" ]]; then
                echo_summary "Installing migration-tempest-plugin"
                setup_dev_lib "migration-tempest-plugin"
            fi
            ;;
        test-config)
            echo_summary "Configuring migration-tempest-plugin"
            configure_migration_tempest_plugin
            ;;
    esac
fi

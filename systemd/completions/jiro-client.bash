# bash completion for jiro-client
_jiro_client() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} sub="" verb="" word
    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
        case $word in
            run | check-config | migrate-config | reload | status | doctor | bundle | outbox | commands | exec | running | output | cancel | pause | resume | drain | sign | chat | sessions) [ -n "$sub" ] || sub=$word ;;
            list | show | retry | drop | rename | reset | remove | import | export) [ -n "$sub" ] && verb=$word ;;
        esac
    done
    local words="--help --config"
    case $prev in
        --config | --key | --new-key | --output) COMPREPLY=($(compgen -f -- "$cur")); return ;;
        --state) COMPREPLY=($(compgen -W "received running done delivered dead" -- "$cur")); return ;;
        --outcome) COMPREPLY=($(compgen -W "succeeded failed timed_out cancelled rejected interrupted" -- "$cur")); return ;;
    esac
    case $sub in
        "") words+=" run check-config migrate-config reload status doctor bundle outbox commands exec running output cancel pause resume drain sign chat sessions --version --test-mode" ;;
        run) words+=" --test-mode" ;;
        check-config) words+=" --print" ;;
        migrate-config) words="--help --output"; COMPREPLY=($(compgen -f -W "$words" -- "$cur")); return ;;
        reload) words+=" --wait" ;;
        status) words+=" --json --ready --watch --recent --by-name --name --outcome --failed --undelivered" ;;
        bundle) COMPREPLY=($(compgen -f -W "$words" -- "$cur")); return ;;
        doctor) words+=" --offline --json" ;;
        chat) words+=" --session" ;;
        sessions)
            case $verb in
                "") words+=" list show rename reset remove import export" ;;
                list | show) words+=" --json" ;;
                import) COMPREPLY=($(compgen -f -W "$words" -- "$cur")); return ;;
            esac
            ;;
        commands | running) words+=" --json" ;;
        output) words+=" --from --follow" ;;
        pause) words+=" --for --note --refuse" ;;
        drain) words+=" --wait --note --refuse" ;;
        exec) words+=" --param --session --json --as-root" ;;
        sign) words="--help --key --key-id --instance --id --param --valid-for --not-after --signed-form --new-key" ;;
        outbox)
            case $verb in
                "") words+=" list show retry drop" ;;
                list) words+=" --state --json" ;;
                show) words+=" --json" ;;
                retry) words+=" --dead --whole" ;;
            esac
            ;;
    esac
    COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -F _jiro_client jiro-client

/**
 * The scripts that make shells ask `keyfold complete -- WORDS`: lines of candidate, tab and description, then `:0` where
 * the shell should offer files as well, else `:4`. Words are passed on as arguments, never evaluated.
 */
export const completionScripts = {
  bash: `_keyfold() {
  local line="\${COMP_LINE:0:COMP_POINT}" value rest words
  read -ra words <<<"$line"
  [[ $line == *[[:space:]] ]] && words+=('')
  COMPREPLY=()
  while IFS=$'\\t' read -r value rest; do
    case $value in
      :0) compopt -o default 2>/dev/null ;;
      :*) compopt +o default 2>/dev/null ;;
      *=) COMPREPLY+=("$value"); compopt -o nospace 2>/dev/null ;;
      *) COMPREPLY+=("$value") ;;
    esac
  done < <(keyfold complete -- "\${words[@]:1}" 2>/dev/null)
}
complete -o default -F _keyfold keyfold
`,
  zsh: `#compdef keyfold
_keyfold() {
  local -a items open
  local value description files=0
  while IFS=$'\\t' read -r value description; do
    case $value in
      :0) files=1 ;;
      :*) ;;
      *=) open+=("\${value//:/\\\\:}:$description") ;;
      *) items+=("\${value//:/\\\\:}:$description") ;;
    esac
  done < <(keyfold complete -- "\${(@Q)words[2,CURRENT]}" 2>/dev/null)
  (( $#items )) && _describe keyfold items
  (( $#open )) && _describe keyfold open -S ''
  (( files )) && _files
}
compdef _keyfold keyfold
`,
  fish: `function __keyfold_complete
  set -l words (commandline -opc) (commandline -ct)
  for line in (keyfold complete -- $words[2..-1] 2>/dev/null)
    switch $line
      case ':0'
        __fish_complete_path (commandline -ct)
      case ':*'
      case '*'
        echo $line
    end
  end
end
complete -c keyfold -f -a '(__keyfold_complete)'
`,
} as const;

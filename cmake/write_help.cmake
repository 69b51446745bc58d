# `program` writes its manual pages and completion scripts into `folder`.
file(REMOVE_RECURSE "${folder}")
file(MAKE_DIRECTORY "${folder}")
function(assemble_write arguments output)
  execute_process(COMMAND "${program}" ${arguments} OUTPUT_FILE "${folder}/${output}" ERROR_VARIABLE error
                  RESULT_VARIABLE status)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "${program} ${arguments}: ${error}")
  endif()
endfunction()
assemble_write("man;--out;${folder}/man1" man1.log)
foreach(shell bash zsh fish)
  assemble_write("completion;${shell}" assemble.${shell})
endforeach()

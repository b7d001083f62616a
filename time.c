#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "xgb_reg_diabetes.h"
static double now(void){struct timespec t;clock_gettime(CLOCK_MONOTONIC,&t);return t.tv_sec*1e6+t.tv_nsec*1e-3;}
int main(void){
  const onnxc_model*m=xgb_reg_diabetes_query(ONNXC_ABI_VERSION);
  for(int k=0;k<2;k++){ int64_t N=k?1000:1; int64_t F=m->inputs[0].shape[1];
   float*x=malloc(N*F*4); unsigned s=1; for(int i=0;i<N*F;i++){s=s*1664525u+1013904223u; x[i]=(s>>8)/16777216.f*16;}
   size_t a=m->arena_size(&N); void*arena=aligned_alloc(64,(a+64)/64*64+64); void*outs[4]; for(int i=0;i<m->num_outputs;i++) outs[i]=malloc(N*64*8);
   onnxc_context c={.arena=arena,.arena_size=a}; const void*in[1]={x}; double best=1e18;
   for(int r=0;r<(k?200:20000);r++){ double t=now(); if(m->run(in,outs,&N,&c)) return 1; t=now()-t; if(t<best)best=t;}
   printf("N=%ld arena %zu: %.2f us\n",(long)N,a,best);
  } return 0;}
